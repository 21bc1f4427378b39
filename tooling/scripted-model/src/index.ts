export { ModelRequest } from "./model-request.ts";
export {
  answer,
  codeModeScript,
  customCall,
  functionCall,
  httpError,
  message,
  type OutputItem,
  type Reply,
  reasoning,
  type StreamedMessage,
  say,
  shell,
  streamedMessage,
  type TokenUsage,
} from "./replies.ts";
export { type Script, ScriptedModel } from "./server.ts";
