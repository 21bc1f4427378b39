// Loaded into the plugin by NODE_OPTIONS. Shifts its clock by the number of milliseconds in a file. The real codex's clock is not shifted.
import { readFileSync } from "node:fs";

const RealDate = Date;
let offset = 0;

setInterval(() => {
  try {
    offset = Number(readFileSync(process.env.PLEXUM_FAULTS_CLOCK, "utf8"));
  } catch {
    offset = 0;
  }
}, 50).unref();

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + offset);
    else super(...args);
  }

  static now() {
    return RealDate.now() + offset;
  }
};
