// Loaded into the plugin by NODE_OPTIONS: sets its clock by what a file says, in milliseconds. The real codex has no such clock.
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
