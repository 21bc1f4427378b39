import { z } from "zod";
import { isSameToken } from "../token.ts";
import { type Greeting, HANDSHAKE_VERSION } from "./handshake.ts";

const greetingSchema = z.looseObject({
  plexum_mcp_bridge: z.number(),
  agent_id: z.string(),
  token: z.string(),
}) satisfies z.ZodType<Greeting>;

/** Checks a client's first line. Returns why the client is turned away, or undefined if it is accepted. */
export function reasonToRefuse(line: string, expected: { agentId: string; token: string }): string | undefined {
  const greeting = greetingSchema.safeParse(parseJson(line));
  if (!greeting.success) return "the first line was not a relay's greeting";
  const { plexum_mcp_bridge: version, agent_id: agentId, token } = greeting.data;
  if (version !== HANDSHAKE_VERSION) {
    return `the relay speaks version ${version} of the handshake, this bridge version ${HANDSHAKE_VERSION}: start both from one installation`;
  }
  if (agentId !== expected.agentId) return "this bridge serves another agent";
  if (token === "") return "the relay has no token";
  if (!isSameToken(token, expected.token)) return "the token is not this bridge's";
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
