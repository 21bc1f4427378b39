import { PluginSdkError } from "@plexum/plugin-sdk";

/**
 * Checks that `codex exec` accepts the text: it does not accept images without text (0.135.0 to 0.169.0).
 *
 * @throws PluginSdkError `no_user_text`.
 */
export function checkExecText(text: string): void {
  if (text.trim() !== "") return;
  throw new PluginSdkError(
    "no_user_text",
    'The user message has only images, which codex exec does not accept: send some text with them, or set "transport" to "app-server".',
  );
}
