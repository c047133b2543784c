/* tir_text.c: the tile IR as readable assembly, one op a line. */
#include "tir.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *dim_name(const TirFn *fn, int i) { return (uint32_t)i < fn->ndims ? fn->dims[i].name : "?"; }

void tir_ext_print(Buf *b, const TirFn *fn, TirExt e)
{
    int terms = 0;
    for (int i = 0; i < TIR_MAX_DIMS; i++) {
        if (!e.k[i])
            continue;
        if (terms++)
            buf_puts(b, e.k[i] < 0 ? "-" : "+");
        else if (e.k[i] < 0)
            buf_puts(b, "-");
        int64_t k = e.k[i] < 0 ? -e.k[i] : e.k[i];
        if (k != 1)
            buf_printf(b, "%lld*", (long long)k);
        buf_puts(b, dim_name(fn, i));
    }
    if (e.c || !terms)
        buf_printf(b, terms ? "%+lld" : "%lld", (long long)e.c);
    if (e.den != 1)
        buf_printf(b, "/%lld", (long long)e.den);
}

/* The fewest digits that read back as the same number. */
static void print_number(Buf *b, double v)
{
    char text[40];
    int digits = 1;
    do
        snprintf(text, sizeof text, "%.*g", digits, v);
    while (digits++ < 17 && isfinite(v) && strtod(text, NULL) != v);
    buf_puts(b, text);
}

static void print_label(Buf *b, const char *name, uint32_t at, bool shared)
{
    buf_puts(b, name);
    if (shared)
        buf_printf(b, "#%u", (unsigned)at);
}

static void print_axis(Buf *b, const TirFn *fn, uint32_t at)
{
    bool shared = false;
    for (uint32_t i = 0; i < fn->naxes; i++)
        shared |= i != at && !strcmp(fn->axes[i].name, fn->axes[at].name);
    print_label(b, fn->axes[at].name, at, shared);
}

static void print_par(Buf *b, const TirFn *fn, uint32_t at)
{
    bool shared = false;
    for (uint32_t i = 0; i < fn->npars; i++)
        shared |= i != at && !strcmp(fn->pars[i].name, fn->pars[at].name);
    print_label(b, fn->pars[at].name, at, shared);
}

static void print_tensor(Buf *b, const TirFn *fn, const TirTensor *t)
{
    static const char *const modes[] = {"in", "out", "inout", "scratch"};
    buf_printf(b, "%s %s: %s[", modes[t->mode], t->name, dt_name(t->dt));
    for (int i = 0; i < t->rank; i++) {
        buf_puts(b, i ? ", " : "");
        tir_ext_print(b, fn, t->shape[i]);
    }
    buf_printf(b, "]%s%s", t->accumulate ? " accumulate" : "", t->absent ? " absent" : "");
    if (t->over)
        buf_printf(b, " over %s", fn->tensors[t->over - 1].name);
    buf_puts(b, "\n");
}

static void print_head(Buf *b, const TirFn *fn)
{
    buf_printf(b, "kernel %s.%s [%s]\n", fn->op_name, fn->name, fn->binding ? fn->binding : "");
    for (uint32_t i = 0; i < fn->ndims; i++)
        buf_printf(b, "dim %s\n", fn->dims[i].name);
    for (uint32_t i = 0; i < fn->naxes; i++) {
        buf_puts(b, "axis ");
        print_axis(b, fn, i);
        buf_puts(b, ": ");
        tir_ext_print(b, fn, fn->axes[i].ext);
        buf_puts(b, "\n");
    }
    for (uint32_t i = 0; i < fn->nscalars; i++) {
        buf_printf(b, "scalar %s: %s", fn->scalars[i].name, dt_name(fn->scalars[i].dt));
        if (fn->scalars[i].has_default) {
            buf_puts(b, " = ");
            print_number(b, fn->scalars[i].defval);
        }
        buf_puts(b, "\n");
    }
    for (uint32_t i = 0; i < fn->ntensors; i++)
        print_tensor(b, fn, &fn->tensors[i]);
    for (uint32_t i = 0; i < fn->npars; i++) {
        buf_puts(b, "par ");
        print_par(b, fn, i);
        buf_puts(b, ": ");
        tir_ext_print(b, fn, fn->pars[i].ext);
        buf_puts(b, "\n");
    }
}

static void print_place(Buf *b, const TirFn *fn, const TirOp *o)
{
    buf_printf(b, " %s[", fn->tensors[o->ref].name);
    for (uint32_t i = 0; i < o->nix; i++) {
        const TirIndex *x = &fn->ix[o->ix + i];
        buf_puts(b, i ? ", " : "");
        if (x->kind != TIR_IX_SLICE) {
            buf_printf(b, "%%%u", (unsigned)x->val);
            continue;
        }
        if (x->val)
            buf_printf(b, "%%%u", (unsigned)x->val);
        buf_puts(b, ":");
        print_axis(b, fn, x->axis);
        if (x->step > 1)
            buf_printf(b, ":%d", (int)x->step);
    }
    buf_puts(b, "]");
}

static void print_leaf(Buf *b, const TirFn *fn, const TirOp *o)
{
    switch (o->op) {
    case TIR_CONST:
        buf_puts(b, " ");
        if (dt_is_float(o->dt))
            print_number(b, o->imm.f);
        else
            buf_printf(b, "%lld", (long long)o->imm.i);
        break;
    case TIR_PARAM:  buf_printf(b, " %s", fn->scalars[o->ref].name); break;
    case TIR_COORD:  buf_puts(b, " "); print_par(b, fn, o->ref); break;
    case TIR_IOTA:   buf_puts(b, " "); print_axis(b, fn, o->ref); break;
    case TIR_EXTENT: buf_puts(b, " "); tir_ext_print(b, fn, *o->ext); break;
    case TIR_PAR:
        for (uint32_t i = 0; i < o->ref2; i++) {
            buf_puts(b, i ? ", " : " ");
            print_par(b, fn, o->ref + i);
        }
        break;
    default: break;
    }
}

static void print_type(Buf *b, const TirFn *fn, const TirOp *o)
{
    if (o->dt == DT_NONE)
        return;
    buf_printf(b, " : %s", dt_name(o->dt));
    for (int i = 0; i < o->nax; i++) {
        buf_puts(b, i ? ", " : "[");
        print_axis(b, fn, o->ax[i]);
    }
    buf_puts(b, o->nax ? "]" : "");
}

void tir_print(Buf *b, const TirFn *fn)
{
    int depth = 0;
    print_head(b, fn);
    for (uint32_t v = 1; v < fn->nops; v++) {
        const TirOp *o = &fn->ops[v];
        if (o->op == TIR_END || o->op == TIR_ELSE)
            depth--;
        buf_printf(b, "%*s", depth * 2, "");
        if (o->dt != DT_NONE)
            buf_printf(b, "%%%u = ", (unsigned)v);
        buf_puts(b, tir_op_name(o->op));
        if (o->op == TIR_LOAD || o->op == TIR_STORE || o->op == TIR_ACC)
            print_place(b, fn, o);
        print_leaf(b, fn, o);
        for (int i = 0; i < tir_op_nargs(o->op); i++)
            buf_printf(b, "%s%%%u", i || o->op == TIR_STORE || o->op == TIR_ACC ? ", " : " ", (unsigned)o->a[i]);
        if (tir_op_kind(o->op) == TIR_K_REDUCE || o->op == TIR_ELEM) {
            buf_puts(b, " along ");
            print_axis(b, fn, o->ref);
        }
        print_type(b, fn, o);
        buf_puts(b, "\n");
        if (o->op == TIR_PAR || o->op == TIR_IF || o->op == TIR_ELSE)
            depth++;
    }
}
