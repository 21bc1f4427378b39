/** Edits results back and forth until it is killed, or `times` times. Arguments: `path ids [times] [texts…]`. */
import { editResults } from "./sample-session.ts";

const [path = "", ids = "", times = "1000000", ...given] = process.argv.slice(2);
const texts = given.length > 0 ? given : ["...(consumed)", "...(tool called)"];
process.stdout.write("ready\n");
for (let turn = 0; turn < Number(times); turn++) {
  const result = texts[turn % texts.length] ?? "";
  await editResults(
    path,
    ids.split(",").map((id) => ({ id, result })),
    { waitMs: 30_000 },
  );
}
