// Consumes a call of a session file, and is killed at one of its file operations: in the middle, if the operation is a write.
// Without a number, it prints the number of operations.
import { nodeFiles } from "@plexum/jsonl-edit";
import { consume } from "../src/session-file.ts";

const [path = "", op = "", at] = process.argv.slice(2);
let operations = 0;

function watched<T extends object>(target: T): T {
  return new Proxy(target, {
    get(_target, key) {
      const method = Reflect.get(target, key, target);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]) => {
        if (++operations === Number(at)) {
          const [bytes, offset, length, position] = args;
          if (key === "write") await Reflect.apply(method, target, [bytes, offset, Number(length) >> 1, position]);
          process.kill(process.pid, "SIGKILL");
          await new Promise(() => setInterval(() => {}, 1000));
        }
        const result = await Reflect.apply(method, target, args);
        return key === "open" ? watched(result) : result;
      };
    },
  });
}

const report = await consume(path, [{ block_id: "toolu_1", op }], { files: watched(nodeFiles) });
if (report.touched !== 1) throw new Error(JSON.stringify(report));
console.log(operations);
