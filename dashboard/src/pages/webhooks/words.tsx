/** How webhooks verify and answer, and what became of deliveries, in words and signs. */
import { Ban, CircleSlash, Gauge, HandHelping, Play, Repeat2, ShieldX, Weight } from "lucide-react";

import type { Schemas } from "../../api/client";
import { Mark } from "../../ui/mark";

export const VERIFICATIONS: Record<Schemas["Verification"], [label: string, meaning: string]> = {
  "hmac-sha256": ["HMAC-SHA256", "X-Webhook-Signature: sha256= and the HMAC of the body in hex"],
  standard: ["Standard Webhooks", "webhook-id, webhook-timestamp and webhook-signature"],
  github: ["GitHub", "X-Hub-Signature-256; choose the content type application/json at GitHub"],
  stripe: ["Stripe", "Stripe-Signature; the secret is the signing secret that Stripe shows"],
  slack: ["Slack", "X-Slack-Signature; the secret is the signing secret that Slack shows"],
  header: ["Secret in a header", "X-Webhook-Secret is the secret"],
  none: ["Not verified", "Whoever knows the address may start the workflow"],
};

export const RESPONSES: Record<Schemas["ResponseMode"], [label: string, meaning: string]> = {
  execution: ["The execution", "201 as soon as it is durable"],
  wait: ["The output", "The sender waits for the end"],
  stream: ["The stream of events", "The sender follows the execution"],
};

const VERDICTS = {
  started: ["completed", Play, "Started"],
  repeated: ["queued", Repeat2, "Repeated"],
  challenged: ["queued", HandHelping, "Challenge answered"],
  unverified: ["failed", ShieldX, "Not verified"],
  disabled: ["skipped", Ban, "Disabled"],
  too_large: ["failed", Weight, "Too large"],
  rate_limited: ["suspended", Gauge, "Too many"],
  refused: ["failed", CircleSlash, "Refused"],
} as const;

export function VerdictMark({ verdict }: { verdict: Schemas["Verdict"] }) {
  const [tone, icon, label] = VERDICTS[verdict] ?? ["skipped", CircleSlash, verdict];
  return (
    <Mark tone={tone} icon={icon}>
      {label}
    </Mark>
  );
}

/** What the verdict says of the signature. */
export function signatureWords(verdict: Schemas["Verdict"], verification: Schemas["Verification"]): string {
  if (verification === "none") {
    return "Nothing is asked for";
  }
  switch (verdict) {
    case "unverified":
      return "Did not prove who sent it";
    case "disabled":
    case "too_large":
      return "Was not looked at";
    default:
      return "Verified";
  }
}

/** A number of bytes: "812 B", "4.2 KiB". */
export function formatBytes(bytes: number): string {
  return bytes < 1_024 ? `${bytes} B` : bytes < 1_048_576 ? `${(bytes / 1_024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
