import { Page } from "../../ui/page";

export default function Schedules() {
  return <Page title="Schedules">{null}</Page>;
}
