import { Page } from "../../ui/page";

export default function Webhook() {
  return <Page title="Webhook">{null}</Page>;
}
