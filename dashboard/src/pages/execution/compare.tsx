import { Page } from "../../ui/page";

export default function Compare() {
  return <Page title="Compare">{null}</Page>;
}
