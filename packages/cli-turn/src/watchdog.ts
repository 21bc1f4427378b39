import { ProcessFamily } from "./process-family.ts";

/*
 * A separate program that ends the leftover processes of a killed owner. The guard (see guard-owner.ts) starts it after the
 * owner has ended, with the owner's marker as its argument.
 */
const [marker] = process.argv.slice(2);
if (marker === undefined) {
  console.error("usage: watchdog <owner marker>");
  process.exitCode = 1;
} else {
  await new ProcessFamily(marker).end();
}
