import { ProcessFamily } from "./process-family.ts";

/*
 * A program of its own: ends what a killed owner left running. It is started when the owner is already gone (see
 * guard-owner.ts), with the owner's marker as its argument.
 */
const [marker] = process.argv.slice(2);
if (marker === undefined) {
  console.error("usage: watchdog <owner marker>");
  process.exitCode = 1;
} else {
  await new ProcessFamily(marker).end();
}
