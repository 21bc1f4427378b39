import { lockWorkspace } from "../src/index.ts";

/* Holds a workspace's lock until it is killed or told to let go by the end of its stdin. Says "held", or the code of what went wrong. */
try {
  await using _lock = await lockWorkspace(process.argv[2] as string);
  console.log("held");
  for await (const _ of process.stdin);
} catch (error) {
  console.log((error as { code: string }).code);
}
