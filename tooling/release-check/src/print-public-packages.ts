// `pnpm run public-packages`: the names of what is published, a line each.
import { publicPackages } from "./workspace-packages.ts";

for (const { name } of await publicPackages()) console.log(name);
