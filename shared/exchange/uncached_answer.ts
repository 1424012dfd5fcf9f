import type { AnswerHead } from "./exchange.ts";
import { AnswerForwarder } from "./forwarder.ts";
import { forbidAnswerCaching } from "./zero_cache.ts";

/** Forbids caching in the head of the answer that passes through. */
export class UncachedAnswer extends AnswerForwarder {
  override head(head: AnswerHead): void {
    forbidAnswerCaching(head.fields);
    super.head(head);
  }
}
