/**
 * The form that decides a suspension: an approval's actions, a question's choices or text, a filled form, a callback's JSON. It
 * stands in the inbox and on the page of the execution that waits.
 */
import { Alert, Button, Stack, Text } from "@mantine/core";
import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";

import { client, isRefusal, type Schemas } from "../../api/client";
import { initialValue, SchemaForm } from "../../forms/schema_form";
import { fieldErrorsOf, messageOf, Problem } from "../../ui/problem";
import { CallbackAnswer, QuestionAnswer, Remark } from "./answers";
import classes from "./inbox.module.css";
import type { Suspension } from "./mailbox";
import { approversOf, refusalOf, sayApprovers, useMe, useNames } from "./who";

type Respond = Schemas["Respond"];

export interface DecisionFormProps {
  suspension: Suspension;
  /** It was accepted: as a vote, where several have to. */
  onDecided?: (answer: Respond) => void;
  /** The server knows better how it stands: claimed, or decided by somebody else. */
  onStale?: () => void;
}

const REJECTED = "rejected";
const DEFAULT_ACTIONS = [
  { id: "approved", label: "Approve", style: "primary" },
  { id: REJECTED, label: "Reject", style: "danger" },
] as const;
/** Somebody was faster: that is no mistake. */
const OVERTAKEN = ["suspension_closed", "suspension_claimed"];

export function DecisionForm(props: DecisionFormProps) {
  const me = useMe();
  const name = useNames();
  const { suspension } = props;
  if (suspension.state !== "open") {
    return null;
  }
  const refusal = refusalOf(suspension, me);
  if (refusal === null) {
    // Nothing of another question stays in the fields.
    return <Answer key={suspension.id} {...props} />;
  }
  const WHY: Record<typeof refusal, ReactNode> = {
    "own-request": "You have asked for this: somebody else has to decide.",
    "named-keys-only": "It counts who answers this: an API key may only if it is named. Sign in as a person, or use the link of a notification.",
    "not-asked": <>This is put to {sayApprovers(approversOf(suspension), name)}.</>,
    claimed: <>{name(suspension.claim?.by)} takes care of this. Until it is released, nobody else can answer.</>,
  };
  return (
    <Text className={classes["notice"]} size="sm" data-refusal={refusal}>
      {WHY[refusal]}
    </Text>
  );
}

function Answer({ suspension, onDecided, onStale }: DecisionFormProps) {
  const { interrupt } = suspension;
  const { form, type } = interrupt;
  const hasForm = form !== undefined && form !== null;
  const me = useMe();
  const own = suspension.votes?.find(({ by }) => by === me.id);
  const [data, setData] = useState<unknown>(() => (hasForm ? initialValue(form) : undefined));
  const [isReadable, setReadable] = useState(true);
  const [answer, setAnswer] = useState<unknown>();
  const [remark, setRemark] = useState("");
  const [errors, setErrors] = useState<readonly { path: string; message: string }[]>([]);
  const [problem, setProblem] = useState<unknown>();
  const [sending, setSending] = useState<string>();
  /** What Ctrl+Enter sends. */
  const [intent, setIntent] = useState<string>();
  const remarkField = useRef<HTMLTextAreaElement>(null);

  const send = async (chosen: string, body: Respond) => {
    setSending(chosen);
    setProblem(undefined);
    setErrors([]);
    try {
      await client.suspensions.answer(suspension.workspaceId, suspension.id, body);
      setSending(undefined);
      onDecided?.(body);
    } catch (error) {
      setSending(undefined);
      setErrors(fieldErrorsOf(error));
      setProblem(error);
      if (isRefusal(error) && [403, 404, 409].includes(error.statusCode)) {
        onStale?.();
      }
    }
  };

  const decide = (action: string) => {
    const isRejection = action === REJECTED;
    setIntent(action);
    const written = remark.trim();
    if (isRejection && interrupt.requireReason && !written) {
      setProblem(undefined);
      setErrors([{ path: "/reason", message: "Say why: a rejection needs a reason." }]);
      remarkField.current?.focus();
      return;
    }
    void send(action, {
      action,
      // Who rejects need not fill in the form.
      ...(hasForm && !isRejection && data !== undefined ? { data } : {}),
      ...(written ? { [isRejection ? "reason" : "comment"]: written } : {}),
    });
  };
  const answerNow = () => {
    const written = remark.trim();
    const comment = written ? { comment: written } : {};
    void send("answered", hasForm ? { ...(data !== undefined ? { data } : {}), ...comment } : { ...(answer !== undefined ? { answer } : {}), ...comment });
  };

  const at = (prefix: string) =>
    errors.filter(({ path }) => path === prefix || path.startsWith(`${prefix}/`)).map(({ path, message }) => ({ path: path.slice(prefix.length), message }));
  const textAt = (...paths: string[]) => errors.filter(({ path }) => paths.includes(path)).map(({ message }) => message.replace("`answer` is missing", "Choose or write an answer.")).join(" ") || undefined;
  const elsewhere = errors.filter(({ path }) => !/^\/(data|reason|comment|answer)(\/|$)/.test(path));
  const isAtFields = errors.length > 0 && elsewhere.length === 0;
  const actions = interrupt.actions?.length ? interrupt.actions : DEFAULT_ACTIONS;
  const canReject = actions.some(({ id }) => id === REJECTED);
  const isApproval = type === "approval" || type === "tool_approval";

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !sending && isReadable) {
      event.preventDefault();
      if (!isApproval) {
        answerNow();
      } else if (intent) {
        decide(intent);
      }
    }
  };
  return (
    <form
      className={classes["decision"]}
      aria-label="Decide"
      noValidate
      onKeyDown={onKeyDown}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isApproval && !sending && isReadable) {
          answerNow();
        }
      }}
    >
      <Stack gap="md">
        {hasForm && <SchemaForm schema={form} value={data} onChange={setData} errors={at("/data")} onReadable={setReadable} />}
        {type === "ask_human" && !hasForm && <QuestionAnswer interrupt={interrupt} value={answer} onChange={setAnswer} error={textAt("/answer")} />}
        {type === "callback" && <CallbackAnswer suspension={suspension} onChange={setAnswer} onReadable={setReadable} error={textAt("/answer")} />}
        {type !== "callback" && (
          <Remark
            ref={remarkField}
            value={remark}
            onChange={setRemark}
            label={isApproval && canReject ? "Comment or reason" : "Comment"}
            hint={interrupt.requireReason && canReject ? "A rejection needs one." : undefined}
            error={textAt("/reason", "/comment")}
          />
        )}
        {problem !== undefined && !isAtFields && <Trouble error={problem} />}
        <div className={classes["actions"]}>
          {isApproval ? (
            actions.map(({ id, label, style }, place) => (
              <Button
                key={id}
                size="md"
                type="button"
                variant={style === "primary" ? "filled" : "default"}
                className={style === "danger" ? classes["danger"]! : ""}
                classNames={{ root: classes["action"]!, label: classes["actionLabel"]! }}
                data-key={id === REJECTED ? "r" : id === "approved" || (place === 0 && !actions.some(({ id }) => id === "approved")) ? "a" : undefined}
                data-needs-reason={(id === REJECTED && interrupt.requireReason && remark.trim() === "") || undefined}
                loading={sending === id}
                disabled={(sending !== undefined && sending !== id) || (!isReadable && id !== REJECTED)}
                aria-pressed={own ? own.action === id : undefined}
                onClick={() => decide(id)}
              >
                {label}
              </Button>
            ))
          ) : (
            <Button size="md" type="submit" loading={sending !== undefined} disabled={!isReadable} data-key="a">
              {own ? "Change my answer" : "Send answer"}
            </Button>
          )}
        </div>
      </Stack>
    </form>
  );
}

/** Why it was not taken. Who was overtaken has made no mistake. */
function Trouble({ error }: { error: unknown }) {
  if (isRefusal(error) && OVERTAKEN.includes(error.code ?? "")) {
    return (
      <Alert color="yellow" title="Somebody was faster" role="alert">
        {messageOf(error)}
      </Alert>
    );
  }
  return <Problem error={error} />;
}
