/* lexer.h: the bytes of a spec as tokens.
 *
 * In: text with a NUL after it.  Out: tokens that are slices of it.  Bad characters are reported and passed over.
 */
#ifndef LGR_DSL_LEXER_H
#define LGR_DSL_LEXER_H
#include "base.h"
#include "diag.h"

typedef struct Token { int kind; bool first_on_line; Span sp; Str text; } Token;   /* kind: TOK_*, 0 at the end */

typedef struct Lexer { const char *text, *p, *end; uint32_t file; Diag *d; bool fresh_line; } Lexer;

void  lexer_init(Lexer *lx, uint32_t file, const char *text, size_t size, Diag *d);
Token lexer_next(Lexer *lx);
const char *token_text(int kind);             /* as messages call it */

#endif
