// What relay and bridge send each other before the first MCP message, one JSON line each. Imports nothing, since the relay
// loads this file.

/** Increases when a relay of the old version can no longer talk to a bridge of the new one. */
export const HANDSHAKE_VERSION = 1;

/** The relay's line. */
export interface Greeting {
  readonly plexum_mcp_bridge: number;
  readonly agent_id: string;
  readonly token: string;
}

/** The bridge's line. If the bridge refuses the relay, it closes the connection after this line. */
export type Answer = { readonly accepted: true } | { readonly accepted: false; readonly reason: string };

export function greetingLine(agentId: string, token: string): string {
  const greeting: Greeting = { plexum_mcp_bridge: HANDSHAKE_VERSION, agent_id: agentId, token };
  return `${JSON.stringify(greeting)}\n`;
}

export function answerLine(answer: Answer): string {
  return `${JSON.stringify({ plexum_mcp_bridge: HANDSHAKE_VERSION, ...answer })}\n`;
}

export function parseAnswer(line: string): Answer {
  try {
    const answer = JSON.parse(line);
    if (answer.accepted === true) return { accepted: true };
    return { accepted: false, reason: typeof answer.reason === "string" ? answer.reason : "no reason given" };
  } catch {
    return { accepted: false, reason: "the program that listens there is not an MCP bridge" };
  }
}
