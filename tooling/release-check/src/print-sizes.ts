// `pnpm run size`: prints the sizes of each public package; with `--write` also writes docs/package-sizes.md. Build first.
import { writeFile } from "node:fs/promises";
import { formatSizes, measureSizes, SIZES_FILE } from "./sizes.ts";

const page = formatSizes(await measureSizes());
console.log(page.slice(page.indexOf("| package")));
if (process.argv.includes("--write")) await writeFile(SIZES_FILE, page);
