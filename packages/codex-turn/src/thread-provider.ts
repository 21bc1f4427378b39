/** Returns the provider with which a thread must be resumed, from the `detail` of a `provider_changed` error. */
export const threadProviderIn = (detail: string): string | undefined =>
  /Cannot change this thread's model provider from `([^`]{1,200})`/.exec(detail)?.[1] ??
  /This chat uses (.{1,200}), but your current provider is /.exec(detail)?.[1];

/** Returns a warning for the user whose config names another model provider than that of a resumed thread. */
export const ownProviderWarning = (modelProvider: string): string =>
  `the thread continues with its own model provider ${JSON.stringify(modelProvider)}, because codex can't change it: start a new conversation to use the one that codex's config names`;
