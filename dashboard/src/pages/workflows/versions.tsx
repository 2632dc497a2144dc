import { Page } from "../../ui/page";

export default function Versions() {
  return <Page title="Versions">{null}</Page>;
}
