import { Page } from "../../ui/page";

export default function Workers() {
  return <Page title="Workers">{null}</Page>;
}
