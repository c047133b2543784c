/* ast.c: builders of nodes, and what the parser does at an error.
 *
 * In: calls from the grammar.  Out: nodes with places and depths; messages for what does not parse.
 * Invariant: a node deeper than AST_MAX_DEPTH is replaced by an empty name with an error said once.
 * After an error the rest of the statement, clause or declaration is passed over, so that each mistake is told once.
 */
#include "parse_ctx.h"
#include "parse.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *ast_oper_text(AstOper op)
{
    switch (op) {
#define X(e, tir) case AO_##e: return token_text(TOK_##e);
#include "operator.def"
#undef X
    default: return "";
    }
}

static AstOper oper_of(int token)
{
    switch (token) {
#define X(e, tir) case TOK_##e: return AO_##e;
#include "operator.def"
#undef X
    default: return AO_NONE;
    }
}

AstList ast_list(void) { return (AstList){ NULL, NULL, 0 }; }

AstList ast_append(AstList l, AstNode *n)
{
    if (!n) return l;
    n->next = NULL;
    if (l.last) l.last->next = n;
    else l.first = n;
    l.last = n;
    l.n++;
    return l;
}

static Span join(Span a, Span b)
{
    if (!b.file) return a;
    return (Span){ a.file, a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi };
}

/* Records n as a part of `of`; cuts it off when the way down gets too long. */
static AstNode *part(Parse *px, AstNode *of, AstNode *n)
{
    if (!n) return NULL;
    if (n->depth + 1 >= AST_MAX_DEPTH) {
        if (!px->too_deep) diag_report(px->d, DIAG_ERROR, LG_DEPTH, n->sp, "nested more than %d deep", AST_MAX_DEPTH);
        px->too_deep = true;
        *n = (AstNode){ .kind = AST_INT, .sp = n->sp };
    }
    if (of->depth < n->depth + 1) of->depth = (uint16_t)(n->depth + 1);
    return n;
}

AstNode *ast_node(Parse *px, AstKind kind, Token first, AstNode *a, AstNode *b, AstNode *c)
{
    AstNode *n = ARENA_NEW(px->arena, AstNode), *parts[3] = { a, b, c };
    n->kind = (uint8_t)kind;
    n->sp = n->name_sp = first.sp;
    n->a = part(px, n, a);
    n->b = part(px, n, b);
    n->c = part(px, n, c);
    for (int i = 0; i < 3; i++)
        if (parts[i]) n->sp = join(n->sp, parts[i]->sp);
    return n;
}

AstNode *ast_named(Parse *px, AstKind kind, Token first, Token name, AstNode *a, AstNode *b)
{
    AstNode *n = ast_node(px, kind, first, a, b, NULL);
    n->name = arena_strn(px->arena, name.text.p, name.text.n);
    n->name_sp = name.sp;
    n->sp = join(n->sp, name.sp);
    return n;
}

AstNode *ast_with(Parse *px, AstNode *n, AstList kids, AstList body)
{
    n->kids = kids;
    n->body = body;
    for (AstNode *k = kids.first; k; k = k->next) part(px, n, k);
    for (AstNode *k = body.first; k; k = k->next) part(px, n, k);
    return n;
}

AstNode *ast_typed(Parse *px, AstNode *n, Token type)
{
    n->type = arena_strn(px->arena, type.text.p, type.text.n);
    n->type_sp = type.sp;
    n->sp = join(n->sp, type.sp);
    return n;
}

AstNode *ast_text(Parse *px, AstNode *n, Token text)
{
    size_t len = text.text.n - (text.text.n > 1 && text.text.p[text.text.n - 1] == '"');
    n->text = arena_strn(px->arena, text.text.p + 1, len - 1);
    return n;
}

AstNode *ast_mode(AstNode *n, int mode)
{
    n->mode = (uint8_t)mode;
    return n;
}

AstNode *ast_to(AstNode *n, Token last)
{
    n->sp = join(n->sp, last.sp);
    return n;
}

AstNode *ast_number(Parse *px, Token t)
{
    AstNode *n = ast_node(px, t.kind == TOK_INT ? AST_INT : t.kind == TOK_FLOAT ? AST_FLOAT : AST_BOOL, t, NULL, NULL, NULL);
    n->text = arena_strn(px->arena, t.text.p, t.text.n);
    errno = 0;
    if (n->kind == AST_BOOL) n->i = t.kind == TOK_TRUE;
    else if (n->kind == AST_INT) n->i = strtoll(n->text, NULL, n->text[0] == '0' && (n->text[1] | 32) == 'x' ? 16 : 10);
    else n->f = strtod(n->text, NULL);
    if ((n->kind == AST_INT && errno == ERANGE) || (n->kind == AST_FLOAT && isinf(n->f)))
        diag_report(px->d, DIAG_ERROR, LG_TOKEN, t.sp, "the number %.40s%s is too large", n->text, t.text.n > 40 ? "..." : "");
    return n;
}

AstNode *ast_unary(Parse *px, Token op, AstNode *a)
{
    AstNode *n = ast_node(px, AST_UNARY, op, a, NULL, NULL);
    n->op = (uint8_t)oper_of(op.kind);
    return n;
}

AstNode *ast_binary(Parse *px, Token op, AstNode *a, AstNode *b)
{
    AstNode *n = ast_node(px, AST_BINARY, op, a, b, NULL);
    n->op = (uint8_t)oper_of(op.kind);
    return n;
}

AstNode *ast_range(Parse *px, Token open, AstNode *lo, AstNode *hi, Token close)
{
    int outside = (open.kind == TOK_LP) | (close.kind == TOK_RP) << 1;
    return ast_to(ast_mode(ast_node(px, AST_RANGE, open, lo, hi, NULL), outside), close);
}

AstNode *ast_slice(Parse *px, Token colon, AstNode *lo, AstNode *hi, AstNode *step)
{
    return ast_node(px, AST_SLICE, colon, lo, hi, step);
}

/* "x", "y or z" for what would have been accepted, when that is few enough to help; an expression counts as one. */
static void put_wanted(Buf *b, const int *wanted, int n)
{
    const char *names[6];
    int k = 0;
    bool expression = false;
    for (int i = 0; i < n; i++) expression |= wanted[i] == TOK_FLOAT;
    for (int i = 0; i < n; i++) {
        int t = wanted[i];
        bool starts = t == TOK_INT || t == TOK_FLOAT || t == TOK_TRUE || t == TOK_FALSE || t == TOK_LP || t == TOK_NOT
                   || t == TOK_MINUS || t == TOK_TILDE || t == TOK_IDENT;
        bool fallback = t == TOK_RESYNC || t == TOK_OVER || t == TOK_OF || t == TOK_IS;
        if ((expression && starts) || fallback) continue;
        if (k == 6) return;
        names[k++] = token_text(t);
    }
    if (expression && k == 6) return;
    if (expression) {
        memmove(names + 1, names, (size_t)k * sizeof *names);
        names[0] = "an expression";
        k++;
    }
    for (int i = 0; i < k; i++) {
        bool bare = strchr(names[i], ' ') != NULL;
        buf_printf(b, "%s%s%s%s", i == 0 ? ", wanted " : i + 1 == k ? " or " : ", ", bare ? "" : "'", names[i], bare ? "" : "'");
    }
}

static const char *reserved(int kind)
{
    return kind == TOK_DOT ? "contractions (dot) are not in the language yet"
         : kind == TOK_TILE ? "named tiles (tile .. of .. by ..) are not in the language yet"
         : kind == TOK_PLAN ? "plans are not in the language yet" : NULL;
}

void parse_syntax_error(Parse *px, Token found, const int *wanted, int nwanted)
{
    px->failed = true;
    if (reserved(found.kind)) {
        diag_report(px->d, DIAG_LIMIT, LG_RESERVED, found.sp, "%s", reserved(found.kind));
        return;
    }
    Buf b = { 0 };
    put_wanted(&b, wanted, nwanted);
    int n = found.text.n > 40 ? 40 : (int)found.text.n;
    if (!found.kind) diag_report(px->d, DIAG_ERROR, LG_SYNTAX, found.sp, "the spec ends too early%s", b.p ? b.p : "");
    else diag_report(px->d, DIAG_ERROR, LG_SYNTAX, found.sp, "found '%.*s'%s", n, found.text.p, b.p ? b.p : "");
    buf_free(&b);
}

void parse_overflow(Parse *px)
{
    px->overflow = true;
    diag_report(px->d, DIAG_ERROR, LG_DEPTH, (Span){ px->lx.file, (uint32_t)(px->lx.p - px->lx.text), (uint32_t)(px->lx.p - px->lx.text) },
                "nested too deep to be read");
}

static bool begins_decl(int kind)
{
    return kind == TOK_OP || kind == TOK_DIM || kind == TOK_TYPE || kind == TOK_PARAM || kind == TOK_OPTION || kind == TOK_KERNEL
        || kind == TOK_CHECK;
}

static bool begins_stmt(int kind)
{
    return kind == TOK_LET || kind == TOK_VAR || kind == TOK_PAR || kind == TOK_FOR || kind == TOK_IF || kind == TOK_IDENT;
}

/* Passes over the rest of the line, whole { } groups that open on it included, or to the next declaration outside braces. */
Token parse_resync(Parse *px, Token t)
{
    int depth = 0;
    bool again = px->failed_before && px->last_failed == t.sp.lo;
    px->failed = false;
    px->failed_before = true;
    px->last_failed = t.sp.lo;
    for (bool own = true; t.kind; t = lexer_next(&px->lx), own = false) {
        if (own && again) continue;
        bool inside = px->braces > 0;
        if (!depth && t.first_on_line && (inside ? !own || begins_stmt(t.kind) : begins_decl(t.kind))) break;
        if (!depth && inside && t.kind == TOK_RC) break;
        depth += (t.kind == TOK_LC) - (t.kind == TOK_RC);
        if (depth < 0) depth = 0;
    }
    return t;
}

AstSpec *ast_parse(uint32_t file, Arena *a, Diag *d)
{
    AstSpec *spec = ARENA_NEW(a, AstSpec);
    const DiagFile *f = &d->files[file];
    spec->file = file;
    if (f->size > AST_MAX_BYTES) {
        diag_report(d, DIAG_ERROR, LG_DEPTH, (Span){ file, 0, 0 }, "the spec has %zu bytes, at most %d are read", f->size, AST_MAX_BYTES);
        return spec;
    }
    Parse *px = ARENA_NEW(a, Parse);
    px->arena = a;
    px->d = d;
    lexer_init(&px->lx, file, arena_strn(a, f->text, f->size), f->size, d);
    parse_run(px);
    spec->decls = px->decls;
    return spec;
}
