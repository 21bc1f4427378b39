import { defineConfig, type Options } from "tsup";

const shared: Options = {
  format: "esm",
  target: "node22",
  platform: "node",
  sourcemap: true,
  clean: true,
  treeshake: true,
  // Some builtins exist only under their `node:` name.
  removeNodeProtocol: false,
};

/** A published library: one output a public entry, with declarations. */
export function library(entry: string[]) {
  return defineConfig({ ...shared, entry, dts: true });
}

/** A program: the workspace's own packages and their dependencies are bundled in, so that it starts fast and installs as one package. */
export function program(entry: Record<string, string>) {
  return defineConfig({ ...shared, entry, splitting: true, minify: true, noExternal: [/.*/] });
}
