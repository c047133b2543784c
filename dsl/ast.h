/* ast.h: a spec as a tree, with the place of everything.
 *
 * In: the text of one spec.  Out: AstSpec, owned by the arena; what each kind of node holds is in ast.def.
 * Invariant: no path from the root is longer than AST_MAX_DEPTH nodes, so that walks may recurse.
 * Names are not resolved here and nothing is typed.
 */
#ifndef LGR_DSL_AST_H
#define LGR_DSL_AST_H
#include "base.h"
#include "diag.h"

enum { AST_MAX_DEPTH = 200, AST_MAX_BYTES = 256 * 1024 };

typedef enum AstKind {
    AST_NONE,
#define X(e, doc) AST_##e,
#include "ast.def"
#undef X
    AST_COUNT
} AstKind;

typedef enum AstOper {
    AO_NONE,
#define X(e, tir) AO_##e,
#include "operator.def"
#undef X
    AO_COUNT
} AstOper;

enum { AST_MODE_IN, AST_MODE_OUT, AST_MODE_INOUT, AST_MODE_SCRATCH };       /* mode of a TENSOR */

typedef struct AstNode AstNode;
typedef struct AstList { AstNode *first, *last; uint32_t n; } AstList;

struct AstNode {
    uint8_t  kind, op, mode;     /* AstKind, AstOper, see ast.def */
    uint16_t depth;              /* longest way down to a leaf */
    Span     sp, name_sp, type_sp;
    const char *name, *type, *text;
    AstNode *a, *b, *c, *next;
    AstList  kids, body;
    union { int64_t i; double f; };
};

typedef struct AstSpec { AstList decls; uint32_t file; } AstSpec;

/* Parses files[file] of d; always gives a tree of what could be read, errors are in d. Any bytes are fine. */
AstSpec *ast_parse(uint32_t file, Arena *a, Diag *d);
const char *ast_oper_text(AstOper op);        /* "+" */

#endif
