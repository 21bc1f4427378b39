import { LIST_COMMAND, RESUME_COMMAND, SOURCE_CAPABILITY } from "./commands.ts";
import { plainText } from "./plain-text.ts";

/** The outcome of a command on a node. */
export type InvokeResult =
  | { ok: true; payload?: unknown; payloadJSON?: string | null }
  | { ok: false; message: string; code?: string; details?: Record<string, unknown> };

export interface ApprovalRequest {
  title: string;
  description: string;
  severity: "critical";
  toolName: string;
  allowedDecisions: readonly ("allow-once" | "deny")[];
}

/** The host's data about one call, as far as the policies use it. */
export interface InvokePolicyContext {
  readonly nodeId: string;
  readonly command: string;
  readonly params?: unknown;
  readonly node?: { readonly displayName?: string; readonly caps?: readonly string[] };
  /** Missing if the host can't ask anyone. A resume is then refused: docs/decisions/022. */
  readonly approvals?: {
    request(request: ApprovalRequest): Promise<{ readonly id?: string; readonly decision?: string | null }>;
  };
  invokeNode(): Promise<InvokeResult>;
}

/** Decides whether a call is forwarded to the node. */
export interface InvokePolicy {
  commands: string[];
  /** The platforms where the commands are allowed by default, without the host's configuration. */
  defaultPlatforms?: ("macos" | "linux" | "windows")[];
  dangerous?: boolean;
  handle(context: InvokePolicyContext): Promise<InvokeResult>;
}

/** Returns the policies. A list is forwarded. A resume runs a prompt with full rights on the node, so each one needs an approval. */
export function createInvokePolicies(): [InvokePolicy, InvokePolicy] {
  return [
    {
      commands: [LIST_COMMAND],
      defaultPlatforms: ["macos", "linux", "windows"],
      handle: (context) => context.invokeNode(),
    },
    { commands: [RESUME_COMMAND], dangerous: true, handle: invokeIfApproved },
  ];
}

async function invokeIfApproved(context: InvokePolicyContext): Promise<InvokeResult> {
  if (namesHome(context.params) && !context.node?.caps?.includes(SOURCE_CAPABILITY)) return SOURCE_UNAVAILABLE;
  const answer = await askForApproval(context);
  if (answer?.decision === "allow-once") return context.invokeNode();
  const hint =
    context.approvals === undefined ? " This host can't ask anyone: resume the session on the node itself." : "";
  return {
    ok: false,
    code: "PLUGIN_APPROVAL_REQUIRED",
    message: `${RESUME_COMMAND} runs codex with all rights on the node, so it runs only after someone has approved it.${hint}`,
    details: { approvalId: answer?.id ?? null, decision: answer?.decision ?? null },
  };
}

/** A node without the capability ignores the named home, and would run the prompt on a session of another home. */
function namesHome(params: unknown): boolean {
  const { agentId, sourceHomeId } = Object(params) as Record<string, unknown>;
  return agentId !== undefined || sourceHomeId !== undefined;
}

/** OpenClaw's code for this. */
const SOURCE_UNAVAILABLE: InvokeResult = {
  ok: false,
  code: "CODEX_NODE_SOURCE_UNAVAILABLE",
  message:
    "This session belongs to a Codex home that the node can't choose. Update the node and approve its new capabilities, or resume the session without agentId and sourceHomeId.",
};

/** Asks for approval. Returns undefined if nobody can be asked or asking fails; that counts as a refusal. */
async function askForApproval(context: InvokePolicyContext) {
  try {
    return await context.approvals?.request(approvalRequest(context));
  } catch {
    return undefined;
  }
}

/** OpenClaw's limits, in UTF-16 units. */
const MAX_TITLE = 80;
const MAX_DESCRIPTION = 256;

function approvalRequest({ nodeId, node, params }: InvokePolicyContext): ApprovalRequest {
  const { sessionId, prompt, cwd } = Object(params) as Record<string, unknown>;
  const label = plainText(node?.displayName ?? nodeId, 40);
  const folder = typeof cwd === "string" ? `, in ${plainText(cwd, 40)}` : "";
  const what = `Codex runs without approvals or sandbox in session ${shown(sessionId, 40)}${folder}. `;
  const length = typeof prompt === "string" ? ` (${prompt.length} characters)` : "";
  const said = `Prompt${length}: `;
  return {
    title: plainText(`Resume a codex session on ${label}`, MAX_TITLE),
    description: what + said + shown(prompt, MAX_DESCRIPTION - what.length - said.length),
    severity: "critical",
    toolName: RESUME_COMMAND,
    allowedDecisions: ["allow-once", "deny"],
  };
}

const shown = (value: unknown, max: number) => (typeof value === "string" ? plainText(value, max) : "(none)");
