/** Mutates a rollout back and forth until it is killed, or `times` times. Arguments: `path callIds [times] [markers…]`. */
import { mutateRollout } from "../mutate/mutate-rollout.ts";

const [path = "", callIds = "", times = "1000000", ...markers] = process.argv.slice(2);
const texts = markers.length > 0 ? markers : ["...(consumed)", "...(tool called)"];
process.stdout.write("ready\n");
for (let turn = 0; turn < Number(times); turn++) {
  const output = texts[turn % texts.length] ?? "";
  const edits = callIds.split(",").map((callId) => ({ callId, output }));
  await mutateRollout(path, edits, { waitMs: 30_000 });
}
