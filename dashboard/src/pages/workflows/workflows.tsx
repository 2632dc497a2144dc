import { Page } from "../../ui/page";

export default function Workflows() {
  return <Page title="Workflows">{null}</Page>;
}
