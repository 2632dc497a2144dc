import { Page } from "../../ui/page";

export default function Executions() {
  return <Page title="Executions">{null}</Page>;
}
