import {
  answer,
  codeModeScript,
  functionCall,
  httpError,
  message,
  type Reply,
  reasoning,
  say,
  shell,
} from "@plexum/scripted-model";

/** A stream to record: what the model answers, how codex is run, and what the recording shows. */
export interface FixtureCase {
  /** A paragraph for the fixture's README. */
  readonly shows: string;
  readonly replies: readonly Reply[];
  /** The model's replies in an earlier turn of the thread, which the recorded turn resumes. */
  readonly earlierTurn?: readonly Reply[];
  readonly model?: string;
  readonly retries?: number;
  readonly withMcpServer?: boolean;
  /** Keeps codex's approvals and its sandbox. */
  readonly withApprovals?: boolean;
  /** Interrupts codex (SIGINT) as soon as stdout has this text. */
  readonly interruptAt?: string;
  /** The one codex that does this. Default: both. */
  readonly only?: "oldest" | "newest";
}

/** Named as codex offers it to the model: every character outside [A-Za-z0-9_] rewritten. */
const mcpCall = (name: string, args: unknown) => functionCall(name, args, { namespace: "mcp__fixture_tools" });

const PATCH = `*** Begin Patch
*** Add File: greeting.txt
+hello
+world
*** End Patch`;

const plan = (first: string, second: string) =>
  functionCall("update_plan", {
    plan: [
      { step: "look around", status: first },
      { step: "report", status: second },
    ],
  });

export const FIXTURE_CASES: Readonly<Record<string, FixtureCase>> = {
  "plain-text": {
    shows: "A turn that is one answer and nothing else.",
    replies: [say("Hello! How can I help?")],
  },
  "several-messages": {
    shows:
      "Commentary before and between the commands, then the answer: three `agent_message` items in one turn, whose usage sums up three requests to the model.",
    replies: [
      answer([message("I'll look at the folder first."), shell("pwd")]),
      answer([message("Now the numbers."), shell("seq 1 400")]),
      say("The folder is empty, and there are 400 numbers."),
    ],
  },
  "shell-command": {
    shows:
      "Two shell commands. The first prints U+2028, U+2029 and U+0085, which codex writes as they are: they don't end a line. The second fails: status `failed` with its exit code.",
    replies: [
      answer([shell("printf 'one\\342\\200\\250two\\342\\200\\251three\\302\\205four\\n'")]),
      answer([shell("echo so far so bad >&2; exit 3")]),
      say("The first command worked, the second didn't."),
    ],
  },
  "mcp-tool-call": {
    shows:
      "Two calls of an MCP server's tools, under the server's and the tools' raw names. The first has text and structured content; the second answers `isError: true`: status `failed`, a result, and no error.",
    replies: [
      answer([mcpCall("add_numbers", { a: 2, b: 3 })]),
      answer([mcpCall("fail", {})]),
      say("2 + 3 = 5; the other tool failed."),
    ],
    withMcpServer: true,
  },
  "mcp-tool-call-refused": {
    shows:
      "An MCP call that codex's approvals turn down: it never reaches the server, so it has an error and no result. The turn continues.",
    replies: [answer([mcpCall("add_numbers", { a: 2, b: 3 })]), say("I wasn't allowed to call the tool.")],
    withMcpServer: true,
    withApprovals: true,
  },
  "code-mode-tool-call": {
    shows:
      "A model in code mode: the script it writes doesn't show in the stream, the MCP call inside the script does.",
    replies: [
      answer([codeModeScript("text(JSON.stringify(await tools.mcp__fixture_tools__add_numbers({ a: 2, b: 3 })));")]),
      say("2 + 3 = 5."),
    ],
    model: "gpt-5.6-sol",
    withMcpServer: true,
    only: "newest",
  },
  "resumed-thread": {
    shows:
      "The second turn of a thread, by `exec resume`. `thread.started` has the thread's id again, item ids start from 0 again, and usage is the running total of both turns (each used 1000 input and 30 output tokens).",
    earlierTurn: [say("Noted.", { input: 1000, cached: 200, output: 30, reasoning: 10 })],
    replies: [say("You told me to take a note.", { input: 1000, cached: 200, output: 30, reasoning: 10 })],
  },
  reconnect: {
    shows:
      "The model's stream breaks off and codex tries again: an `error` event of a retry, then the turn completes. An `error` is not the end.",
    replies: [{ kind: "drop" }, say("Here I am again.")],
    retries: 2,
  },
  "rate-limited": {
    shows: "The model answers 429: an `error`, then `turn.failed` with the same message. It has no usage.",
    replies: [httpError(429)],
  },
  "bad-request": {
    shows: "The model answers 400: the message of `error` and `turn.failed` is the response's body, JSON inside JSON.",
    replies: [httpError(400, { error: { message: "The model is not supported.", type: "invalid_request_error" } })],
  },
  reasoning: {
    shows: "A reasoning summary before the answer.",
    replies: [answer([reasoning("**Thinking it over**\n\nThe answer is near."), message("42.")])],
  },
  "file-change": {
    shows: "A file added through `apply_patch`: `file_change`, started and completed, with an absolute path.",
    replies: [answer([shell(`apply_patch <<'EOF'\n${PATCH}\nEOF`)]), say("I wrote greeting.txt.")],
  },
  "web-search": {
    shows:
      "A search run by the model's provider. Codex writes the key `id` twice in the item; JSON keeps the last, the provider's own call id.",
    replies: [
      answer([
        {
          type: "web_search_call",
          id: "ws_0001",
          status: "completed",
          action: { type: "search", query: "weather in Lisbon" },
        },
        message("Sunny, says the web."),
      ]),
    ],
  },
  "todo-list": {
    shows:
      "A plan through `update_plan`: `todo_list` started, updated, and completed right before the turn. The newest codex doesn't offer that tool to this model.",
    replies: [
      answer([plan("in_progress", "pending")]),
      answer([plan("completed", "in_progress")]),
      say("Looked around; nothing to report."),
    ],
    only: "oldest",
  },
  interrupted: {
    shows:
      "Codex gets SIGINT while a command runs. The stream ends with neither `turn.completed` nor `turn.failed`, and the command is never completed.",
    replies: [answer([shell("sleep 30")]), say("Done waiting.")],
    interruptAt: '"type":"command_execution"',
  },
};
