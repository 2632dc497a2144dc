import { Page } from "../../ui/page";

export default function Schedule() {
  return <Page title="Schedule">{null}</Page>;
}
