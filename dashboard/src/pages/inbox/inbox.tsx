import { Page } from "../../ui/page";

export default function Inbox() {
  return <Page title="Inbox">{null}</Page>;
}
