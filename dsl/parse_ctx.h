/* parse_ctx.h: between the grammar and the tree: one builder call for each action of parse.y.
 *
 * In: tokens and finished parts.  Out: nodes in the arena, never NULL; parts that are too deep are cut off with an error.
 */
#ifndef LGR_DSL_PARSE_CTX_H
#define LGR_DSL_PARSE_CTX_H
#include "ast.h"
#include "lexer.h"

typedef struct Parse {
    Arena   *arena;
    Diag    *d;
    Lexer    lx;
    AstList  decls;
    int      braces;          /* open { before the current token */
    bool     failed;          /* a syntax error at the current token: pass over the rest of what it is in */
    bool     failed_before;
    uint32_t last_failed;     /* where the last error was */
    bool     overflow;
    bool     too_deep;        /* said once */
} Parse;

void parse_run(Parse *px);    /* in parse.y: feeds tokens until the end */

AstList  ast_list(void);
AstList  ast_append(AstList l, AstNode *n);
AstNode *ast_node(Parse *px, AstKind kind, Token first, AstNode *a, AstNode *b, AstNode *c);
AstNode *ast_named(Parse *px, AstKind kind, Token first, Token name, AstNode *a, AstNode *b);
AstNode *ast_with(Parse *px, AstNode *n, AstList kids, AstList body);
AstNode *ast_typed(Parse *px, AstNode *n, Token type);
AstNode *ast_text(Parse *px, AstNode *n, Token text);
AstNode *ast_mode(AstNode *n, int mode);
AstNode *ast_to(AstNode *n, Token last);                                      /* stretches n's place */
AstNode *ast_number(Parse *px, Token t);
AstNode *ast_unary(Parse *px, Token op, AstNode *a);
AstNode *ast_binary(Parse *px, Token op, AstNode *a, AstNode *b);
AstNode *ast_range(Parse *px, Token open, AstNode *lo, AstNode *hi, Token close);
AstNode *ast_slice(Parse *px, Token colon, AstNode *lo, AstNode *hi, AstNode *step);

/* Parser feedback */
void parse_syntax_error(Parse *px, Token found, const int *wanted, int nwanted);
void parse_overflow(Parse *px);
Token parse_resync(Parse *px, Token t);                                       /* the token to go on with after an error */

#endif
