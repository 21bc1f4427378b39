import { startTurn } from "../src/index.ts";

/* Runs a turn with an image until this process is killed: `<codex> <workspace>`. Prints codex's pid. */
const [binary = "", workspace = ""] = process.argv.slice(2);
const turn = await startTurn({
  prompt: "keep going forever",
  workspace,
  binary,
  images: [{ bytes: Buffer.from("iVBORw0KGgo=", "base64") }],
  onSpawn: ({ pid }) => void process.stdout.write(`${pid}\n`),
});
await turn.result;
