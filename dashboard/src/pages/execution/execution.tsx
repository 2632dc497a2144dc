import { Page } from "../../ui/page";

export default function Execution() {
  return <Page title="Execution">{null}</Page>;
}
