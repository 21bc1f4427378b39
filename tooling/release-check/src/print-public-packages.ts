// `pnpm run public-packages`: prints the names of the published packages, one per line.
import { publicPackages } from "./workspace-packages.ts";

for (const { name } of await publicPackages()) console.log(name);
