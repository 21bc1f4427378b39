// `pnpm run size`: prints what each public package weighs; with `--write` into docs/package-sizes.md. Build before.
import { writeFile } from "node:fs/promises";
import { formatSizes, measureSizes, SIZES_FILE } from "./sizes.ts";

const page = formatSizes(await measureSizes());
console.log(page.slice(page.indexOf("| package")));
if (process.argv.includes("--write")) await writeFile(SIZES_FILE, page);
