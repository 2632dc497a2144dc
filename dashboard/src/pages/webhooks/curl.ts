/** Commands for a terminal that deliver to a webhook, signed as its kind of verification wants it. */
import type { Schemas } from "../../api/client";

/** What stands for the secret where it is not known any more. */
export const SECRET = "$SECRET";

/** A text as one word of a shell. */
function quote(text: string): string {
  return /^[\w$./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

const STAMP = "STAMP=$(date +%s)";

const sign = (signed: string, key: string) => `$(printf %s "${signed}" | openssl dgst -sha256 -hmac "${key}" -r | cut -d' ' -f1)`;

/** The lines before `curl`, and its headers. Everything in double quotes is the shell's to fill in. */
function proof(verification: Schemas["Verification"]): { lines: string[]; headers: string[] } {
  switch (verification) {
    case "hmac-sha256":
      return { lines: [`SIGNATURE=${sign("$BODY", SECRET)}`], headers: ['"X-Webhook-Signature: sha256=$SIGNATURE"'] };
    case "github":
      return { lines: [`SIGNATURE=${sign("$BODY", SECRET)}`], headers: ['"X-Hub-Signature-256: sha256=$SIGNATURE"'] };
    case "stripe":
      return { lines: [STAMP, `SIGNATURE=${sign("$STAMP.$BODY", SECRET)}`], headers: ['"Stripe-Signature: t=$STAMP,v1=$SIGNATURE"'] };
    case "slack":
      return {
        lines: [STAMP, `SIGNATURE=${sign("v0:$STAMP:$BODY", SECRET)}`],
        headers: ['"X-Slack-Signature: v0=$SIGNATURE"', '"X-Slack-Request-Timestamp: $STAMP"'],
      };
    case "standard":
      return {
        lines: [
          STAMP,
          "ID=msg_$STAMP",
          "KEY=$(printf %s \"${SECRET#whsec_}\" | base64 -d | od -An -v -tx1 | tr -d ' \\n')",
          'SIGNATURE=$(printf %s "$ID.$STAMP.$BODY" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | base64)',
        ],
        headers: ['"webhook-id: $ID"', '"webhook-timestamp: $STAMP"', '"webhook-signature: v1,$SIGNATURE"'],
      };
    case "header":
      return { lines: [], headers: ['"X-Webhook-Secret: $SECRET"'] };
    case "none":
      return { lines: [], headers: [] };
  }
}

/** Ready to paste. Without the secret it begins with a line that asks for it. */
export function curlOf({ url, verification, dedupeHeader }: Pick<Schemas["Webhook"], "url" | "verification" | "dedupeHeader">, secret?: string): string {
  const { lines, headers } = proof(verification);
  const first = verification === "none" ? [] : [`SECRET=${secret === undefined ? "'the secret'" : quote(secret)}`];
  const dedupe = dedupeHeader ? [`"${dedupeHeader.replace(/[^\w-]/g, "")}: $(date +%s)"`] : [];
  return [
    ...first,
    `BODY='{"items":[{"price":3},{"price":4}]}'`,
    ...lines,
    [`curl -si ${quote(url)} -H 'content-type: application/json'`, ...[...headers, ...dedupe].map((header) => `  -H ${header}`), '  --data-raw "$BODY"'].join(" \\\n"),
  ].join("\n");
}
