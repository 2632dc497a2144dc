import { Page } from "../../ui/page";

export default function Webhooks() {
  return <Page title="Webhooks">{null}</Page>;
}
