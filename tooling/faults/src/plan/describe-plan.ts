import type { PlannedRound, PlannedTurn } from "./plan.ts";

/** Returns a round's plan as text, with a line for each turn. */
export function describePlan({ number, mode, clockJumps, turns }: PlannedRound): string[] {
  const clock = clockJumps ? ", the plugin's clock jumps" : "";
  return [
    `round ${number}: ${turns.length} turns${mode === "code" ? " in code mode" : ""}${clock}`,
    ...turns.map((turn) => `  ${describeTurn(turn)}`),
  ];
}

function describeTurn({ number, workspace, fault, mutation, calls, scripts, at, answer, ms }: PlannedTurn): string {
  const answers = calls.map((answer, index) => {
    const called = answer.map(({ tool, ms, leavesProcess }) => `${tool}${leavesProcess ? "&" : ""}:${ms}`);
    const script = scripts?.[index];
    return script === undefined
      ? called.join("+")
      : `${script.handling} script: ${called.join(script.isParallel ? "+" : ";")}`;
  });
  const consumed = mutation ? ` ${mutation.op}×${mutation.count}` : "";
  return `${number}${workspace} ${fault} at ${at.after}+${at.ms} answer ${answer} for ${ms} [${answers.join(", ")}]${consumed}`;
}
