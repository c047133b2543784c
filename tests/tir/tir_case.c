/* tir_case.c: see tir_case.h. */
#include "tir_case.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static TirCase open_in(Arena *a, const char *text, size_t n)
{
    TirCase c = {.a = a};
    diag_init(&c.d, a);
    AstSpec *ast = ast_parse(diag_add_file(&c.d, "spec", text, n), a, &c.d);
    c.op = sema_open(ast, a, &c.d);
    if (c.d.n)
        fail_msg("%s", c.d.items[0].msg);
    assert_non_null(c.op);
    return c;
}

TirCase tir_case_text(const char *text) { return open_in(arena_new(), text, strlen(text)); }

TirCase tir_case_open(const char *path)
{
    Arena *a = arena_new();
    char *text = arena_alloc(a, AST_MAX_BYTES + 1);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    size_t n = fread(text, 1, AST_MAX_BYTES, f);
    fclose(f);
    return open_in(a, text, n);
}

void tir_case_close(TirCase *c) { arena_free(c->a); }

static int by_name(const void *x, const void *y) { return strcmp(*(char *const *)x, *(char *const *)y); }

char **tir_case_files(const char *folder, Arena *a, uint32_t *n)
{
    char **files = NULL;
    uint32_t cap = 0;
    DIR *dir = opendir(arena_strf(a, "%s/%s", LGR_SOURCE_DIR, folder));
    *n = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        size_t len = strlen(e->d_name);
        if (len > 5 && !strcmp(e->d_name + len - 5, ".tile"))
            *ARENA_PUSH(a, files, *n, cap) = arena_strf(a, "%s/%s/%s", LGR_SOURCE_DIR, folder, e->d_name);
    }
    closedir(dir);
    if (*n)
        qsort(files, *n, sizeof *files, by_name);
    return files;
}

const char *tir_case_print(const TirFn *fn, Arena *a)
{
    Buf b = {0};
    tir_print(&b, fn);
    char *text = arena_strn(a, b.p, b.n);
    buf_free(&b);
    return text;
}

TirFn *tir_case_parse(const char *text, size_t n, Arena *a, Diag *d)
{
    diag_init(d, a);
    return tir_parse(diag_add_file(d, "text", text, n), a, d);
}

static bool same_number(double x, double y) { return !memcmp(&x, &y, sizeof x) || (x != x && y != y); }

static const char *op_differs(const TirFn *x, const TirFn *y, uint32_t v)
{
    const TirOp *o = &x->ops[v], *p = &y->ops[v];
    if (o->op != p->op || o->dt != p->dt || o->nax != p->nax || o->nix != p->nix || o->ref != p->ref || o->ref2 != p->ref2)
        return "an op's fields";
    if (memcmp(o->a, p->a, sizeof o->a) || memcmp(o->ax, p->ax, sizeof o->ax[0] * o->nax))
        return "operands or axes";
    if (o->op == TIR_CONST && (dt_is_float(o->dt) ? !same_number(o->imm.f, p->imm.f) : o->imm.i != p->imm.i))
        return "a constant";
    if (!o->ext != !p->ext || (o->ext && memcmp(o->ext, p->ext, sizeof *o->ext)))
        return "an extent";
    for (uint32_t i = 0; i < o->nix; i++) {
        const TirIndex *a = &x->ix[o->ix + i], *b = &y->ix[p->ix + i];
        if (a->kind != b->kind || a->val != b->val || a->axis != b->axis || (a->kind == TIR_IX_SLICE && a->step != b->step))
            return "an index";
    }
    return NULL;
}

static const char *tensor_differs(const TirTensor *a, const TirTensor *b)
{
    if (strcmp(a->name, b->name) || a->dt != b->dt || a->rank != b->rank || a->mode != b->mode || a->absent != b->absent)
        return "a tensor";
    if (a->accumulate != b->accumulate || a->over != b->over || memcmp(a->shape, b->shape, sizeof a->shape[0] * a->rank))
        return "a tensor's marks or shape";
    return NULL;
}

static const char *head_differs(const TirFn *x, const TirFn *y)
{
    if (x->ndims != y->ndims || x->ntensors != y->ntensors || x->nscalars != y->nscalars || x->naxes != y->naxes || x->npars != y->npars)
        return "the number of dims, tensors, scalars, axes or pars";
    if (strcmp(x->op_name, y->op_name) || strcmp(x->name, y->name) || strcmp(x->binding, y->binding))
        return "the names";
    const char *why = NULL;
    for (uint32_t i = 0; !why && i < x->ntensors; i++)
        why = tensor_differs(&x->tensors[i], &y->tensors[i]);
    for (uint32_t i = 0; !why && i < x->nscalars; i++) {
        const TirScalar *a = &x->scalars[i], *b = &y->scalars[i];
        why = strcmp(a->name, b->name) || a->dt != b->dt || a->has_default != b->has_default || !same_number(a->defval, b->defval) ? "a scalar" : NULL;
    }
    for (uint32_t i = 0; !why && i < x->naxes; i++)
        why = strcmp(x->axes[i].name, y->axes[i].name) || memcmp(&x->axes[i].ext, &y->axes[i].ext, sizeof(TirExt)) ? "an axis" : NULL;
    for (uint32_t i = 0; !why && i < x->npars; i++)
        why = strcmp(x->pars[i].name, y->pars[i].name) || memcmp(&x->pars[i].ext, &y->pars[i].ext, sizeof(TirExt)) ? "a par" : NULL;
    return why;
}

const char *tir_case_differs(const TirFn *x, const TirFn *y)
{
    const char *why = head_differs(x, y);
    if (!why && x->nops != y->nops)
        why = "the number of ops";
    for (uint32_t v = 0; !why && v < x->nops; v++)
        why = op_differs(x, y, v);
    return why;
}
