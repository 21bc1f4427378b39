import type { PlannedRound, PlannedTurn } from "./plan.ts";

/** Returns a round's plan as text, with a line for each turn. */
export function describePlan({ number, clockJumps, turns }: PlannedRound): string[] {
  const clock = clockJumps ? ", the plugin's clock jumps" : "";
  return [`round ${number}: ${turns.length} turns${clock}`, ...turns.map((turn) => `  ${describeTurn(turn)}`)];
}

function describeTurn({ number, workspace, fault, mutation, calls, at, answer, ms }: PlannedTurn): string {
  const answers = calls.map((answer) =>
    answer.map(({ tool, ms, leavesProcess }) => `${tool}${leavesProcess ? "&" : ""}:${ms}`).join("+"),
  );
  const consumed = mutation ? ` ${mutation.op}×${mutation.count}` : "";
  return `${number}${workspace} ${fault} at ${at.after}+${at.ms} answer ${answer} for ${ms} [${answers.join(", ")}]${consumed}`;
}
