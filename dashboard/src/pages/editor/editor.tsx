import { Page } from "../../ui/page";

export default function Editor() {
  return <Page title="Editor">{null}</Page>;
}
