/* tir_parse.c: the reader of what tir_print() writes, line by line.
 *
 * In: one file of the diagnostics.  Out: a function that tir_verify() accepts, or NULL and one error at its place.
 * Reads words and numbers; whether types fit is the verifier's to say, whose finding is told as an error of the text.
 */
#include "tir.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TABLE = 1024, MAX_BYTES = 16 << 20 };

typedef struct Reader {
    Arena *a;
    Diag  *d;
    TirFn *fn;
    const char *text;
    uint32_t file, at, eol, size;      /* at: the next byte; eol: where the line ends */
    Str    constant;                   /* of the op being read; its dtype comes after it */
    const char **axis, **par;          /* labels as the text has them: name or name#index */
    uint32_t naxis, capaxis, npar, cappar;
} Reader;

/* ---- words ---- */

/* Reports what stands from lo to the reader's place, at least one byte. */
#define WRONG(r, lo_, ...) (diag_report((r)->d, DIAG_ERROR, LG_TIR_TEXT, span_from((r), (lo_)), __VA_ARGS__), false)

static Span span_from(const Reader *r, uint32_t lo)
{
    uint32_t hi = r->at > lo ? r->at : lo < r->eol ? lo + 1 : lo;
    return (Span){r->file, lo, hi};
}

static void blanks(Reader *r)
{
    while (r->at < r->eol && (r->text[r->at] == ' ' || r->text[r->at] == '\t'))
        r->at++;
}

static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '#'; }

static Str word(Reader *r)
{
    blanks(r);
    uint32_t lo = r->at;
    while (r->at < r->eol && is_word(r->text[r->at]))
        r->at++;
    return (Str){r->text + lo, r->at - lo};
}

static uint32_t start_of(const Reader *r, Str s) { return (uint32_t)(s.p - r->text); }

static bool next_is(Reader *r, char c)
{
    blanks(r);
    return r->at < r->eol && r->text[r->at] == c;
}

static bool eat(Reader *r, char c)
{
    bool there = next_is(r, c);
    r->at += there;
    return there;
}

/* What stands at the place, for a message: a word, a character, or the end of the line. */
static const char *found(Reader *r)
{
    uint32_t at = r->at;
    Str w = word(r);
    const char *text = w.n ? arena_strf(r->a, "'%.*s'", (int)(w.n > 40 ? 40 : w.n), w.p) : NULL;
    r->at = at;
    blanks(r);
    if (text)
        return text;
    unsigned char c = r->at < r->eol ? (unsigned char)r->text[r->at] : 0;
    return r->at >= r->eol ? "the end of the line" : c < 32 || c > 126 ? arena_strf(r->a, "byte %u", (unsigned)c) : arena_strf(r->a, "'%c'", c);
}

static bool wanted(Reader *r, const char *what)
{
    const char *is = found(r);
    return WRONG(r, r->at, "%s where %s was expected", is, what);
}

static bool expect(Reader *r, char c)
{
    char what[] = {'\'', c, '\'', 0};
    return eat(r, c) || wanted(r, what);
}

static bool name(Reader *r, const char *what, Str *out)
{
    *out = word(r);
    return out->n || wanted(r, what);
}

static bool keyword(Reader *r, const char *text)
{
    uint32_t at = r->at;
    if (str_eq(word(r), text))
        return true;
    r->at = at;
    return false;
}

static bool end_of_line(Reader *r)
{
    blanks(r);
    return r->at == r->eol || wanted(r, "the end of the line");
}

/* ---- numbers ---- */

static bool natural(Reader *r, const char *what, int64_t *out)
{
    Str w;
    blanks(r);
    *out = 0;
    if (r->at >= r->eol || r->text[r->at] < '0' || r->text[r->at] > '9')
        return wanted(r, what);
    w = word(r);
    for (size_t i = 0; i < w.n; i++) {
        if (w.p[i] < '0' || w.p[i] > '9')
            return WRONG(r, start_of(r, w), "'%.*s' is no number", (int)(w.n > 40 ? 40 : w.n), w.p);
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, w.p[i] - '0', out))
            return WRONG(r, start_of(r, w), "the number goes beyond 64 bits");
    }
    return true;
}

/* The characters of a number with sign, point and exponent. */
static bool number_text(Reader *r, Str *out)
{
    blanks(r);
    uint32_t lo = r->at;
    while (r->at < r->eol && (is_word(r->text[r->at]) || strchr("+-.", r->text[r->at])) && r->text[r->at])
        r->at++;
    *out = (Str){r->text + lo, r->at - lo};
    return out->n || wanted(r, "a number");
}

static bool real(Reader *r, Str s, double *out)
{
    char buf[64], *end = buf;
    bool sign = s.n && s.p[0] == '-', plain = s.n < sizeof buf;
    Str rest = {s.p + sign, s.n - sign};
    if (str_eq(rest, "inf") || str_eq(rest, "nan")) {
        *out = copysign(str_eq(rest, "inf") ? INFINITY : NAN, sign ? -1 : 1);
        return true;
    }
    for (size_t i = 0; i < s.n; i++)
        plain = plain && s.p[i] && strchr("0123456789+-.e", s.p[i]);
    if (plain) {
        memcpy(buf, s.p, s.n);
        buf[s.n] = 0;
        *out = strtod(buf, &end);
    }
    if (plain && s.n && !*end && isfinite(*out))
        return true;
    return WRONG(r, start_of(r, s), "'%.*s' is no number", (int)(s.n > 40 ? 40 : s.n), s.p);
}

static bool integer(Reader *r, Str s, int64_t *out)
{
    bool sign = s.n && s.p[0] == '-', ok = s.n > sign;
    *out = 0;
    for (size_t i = sign; i < s.n; i++) {
        ok = ok && s.p[i] >= '0' && s.p[i] <= '9' && !__builtin_mul_overflow(*out, 10, out);
        ok = ok && !(sign ? __builtin_sub_overflow(*out, s.p[i] - '0', out) : __builtin_add_overflow(*out, s.p[i] - '0', out));
    }
    return ok || WRONG(r, start_of(r, s), "'%.*s' is no integer of 64 bits", (int)(s.n > 40 ? 40 : s.n), s.p);
}

/* ---- names of tables ---- */

static bool unknown(Reader *r, const char *what, Str w) { return WRONG(r, start_of(r, w), "no %s is called '%.*s'", what, (int)(w.n > 40 ? 40 : w.n), w.p); }
static bool twice(Reader *r, const char *what, Str w) { return WRONG(r, start_of(r, w), "%s '%.*s' is declared already", what, (int)(w.n > 40 ? 40 : w.n), w.p); }

static const char *copy(Reader *r, Str w) { return arena_strn(r->a, w.p, w.n); }

/* A label without its #index. */
static const char *bare(Reader *r, Str w)
{
    const char *mark = memchr(w.p, '#', w.n);
    return arena_strn(r->a, w.p, mark ? (size_t)(mark - w.p) : w.n);
}

static int find_label(const char *const *label, uint32_t n, Str w)
{
    for (uint32_t i = 0; i < n; i++)
        if (str_eq(w, label[i]))
            return (int)i;
    return -1;
}

static int find_dim(const TirFn *fn, Str w)
{
    for (uint32_t i = 0; i < fn->ndims; i++)
        if (str_eq(w, fn->dims[i].name))
            return (int)i;
    return -1;
}

static int find_tensor(const TirFn *fn, Str w)
{
    for (uint32_t i = 0; i < fn->ntensors; i++)
        if (str_eq(w, fn->tensors[i].name))
            return (int)i;
    return -1;
}

static int find_scalar(const TirFn *fn, Str w)
{
    for (uint32_t i = 0; i < fn->nscalars; i++)
        if (str_eq(w, fn->scalars[i].name))
            return (int)i;
    return -1;
}

static bool axis(Reader *r, uint16_t *out)
{
    Str w;
    if (!name(r, "an axis", &w))
        return false;
    int i = find_label(r->axis, r->naxis, w);
    *out = (uint16_t)i;
    return i >= 0 || unknown(r, "axis", w);
}

static bool par(Reader *r, uint16_t *out)
{
    Str w;
    if (!name(r, "a par", &w))
        return false;
    int i = find_label(r->par, r->npar, w);
    *out = (uint16_t)i;
    return i >= 0 || unknown(r, "par", w);
}

static bool dtype(Reader *r, DType *out)
{
    Str w;
    char buf[16];
    if (!name(r, "an element type", &w))
        return false;
    *out = DT_NONE;
    if (w.n < sizeof buf) {
        memcpy(buf, w.p, w.n);
        buf[w.n] = 0;
        *out = dt_from_name(buf);
    }
    return *out != DT_NONE || unknown(r, "element type", w);
}

static bool room_for(Reader *r, uint32_t n, uint32_t most, const char *what)
{
    return n < most || WRONG(r, r->at, "more than %u %s", (unsigned)most, what);
}

/* ---- extents: [-] term { (+|-) term } [/ number]; a term is N*dim, dim or N ---- */

static bool extent_term(Reader *r, int64_t sign, TirExt *e)
{
    int64_t k = 1;
    Str w;
    blanks(r);
    uint32_t lo = r->at;
    bool counted = lo < r->eol && r->text[lo] >= '0' && r->text[lo] <= '9';
    if (counted && !natural(r, "a number", &k))
        return false;
    int64_t *term = &e->c;
    if (!counted || eat(r, '*')) {
        if (!name(r, "a dim or a number", &w))
            return false;
        int dim = find_dim(r->fn, w);
        if (dim < 0)
            return unknown(r, "dim", w);
        term = &e->k[dim];
    }
    if (*term)
        return WRONG(r, lo, "a second term of its kind in one extent");
    *term = sign * k;
    return true;
}

static bool extent(Reader *r, TirExt *e)
{
    *e = (TirExt){.den = 1};
    bool minus = eat(r, '-');
    if (!extent_term(r, minus ? -1 : 1, e))
        return false;
    while (next_is(r, '+') || next_is(r, '-')) {
        minus = r->text[r->at++] == '-';
        if (!extent_term(r, minus ? -1 : 1, e))
            return false;
    }
    uint32_t lo = r->at;
    if (!eat(r, '/'))
        return true;
    return natural(r, "a number", &e->den) && (e->den || WRONG(r, lo, "division by zero"));
}

/* ---- the head ---- */

/* kernel OP.NAME [BINDING] */
static bool read_kernel(Reader *r)
{
    Str op, kernel;
    if (!keyword(r, "kernel"))
        return wanted(r, "'kernel'");
    if (!name(r, "the op's name", &op) || !expect(r, '.') || !name(r, "the kernel's name", &kernel) || !expect(r, '['))
        return false;
    uint32_t lo = r->at, hi = r->eol;
    while (hi > lo && r->text[hi - 1] != ']')
        hi--;
    if (hi == lo) {
        r->at = r->eol;
        return wanted(r, "']'");
    }
    r->fn = tir_new(r->a, copy(r, op), copy(r, kernel));
    r->fn->binding = arena_strn(r->a, r->text + lo, hi - 1 - lo);
    r->fn->sp = (Span){r->file, start_of(r, op), hi};
    r->at = hi;
    return true;
}

static bool read_dim(Reader *r)
{
    Str w;
    if (!room_for(r, r->fn->ndims, TIR_MAX_DIMS, "dims") || !name(r, "a name", &w))
        return false;
    if (find_dim(r->fn, w) >= 0)
        return twice(r, "dim", w);
    uint32_t dim = tir_dim(r->fn, copy(r, w));
    r->fn->dims[dim].sp = span_from(r, start_of(r, w));
    return true;
}

static bool read_axis(Reader *r)
{
    Str w;
    TirExt e;
    uint32_t n = r->fn->naxes;
    if (!room_for(r, n, MAX_TABLE, "axes") || !name(r, "a name", &w))
        return false;
    if (find_label(r->axis, r->naxis, w) >= 0)
        return twice(r, "axis", w);
    if (!expect(r, ':') || !extent(r, &e))
        return false;
    uint32_t at = tir_axis(r->fn, bare(r, w), e);
    if (at < n)
        return WRONG(r, start_of(r, w), "axis '%s' has this extent already", r->axis[at]);
    *ARENA_PUSH(r->a, r->axis, r->naxis, r->capaxis) = copy(r, w);
    return true;
}

static bool read_par(Reader *r)
{
    Str w;
    TirExt e;
    if (!room_for(r, r->fn->npars, MAX_TABLE, "pars") || !name(r, "a name", &w))
        return false;
    if (find_label(r->par, r->npar, w) >= 0)
        return twice(r, "par", w);
    if (!expect(r, ':') || !extent(r, &e))
        return false;
    tir_par(r->fn, bare(r, w), e);
    *ARENA_PUSH(r->a, r->par, r->npar, r->cappar) = copy(r, w);
    return true;
}

static bool read_scalar(Reader *r)
{
    Str w, value;
    DType dt;
    TirScalar s = {0};
    if (!room_for(r, r->fn->nscalars, MAX_TABLE, "scalars") || !name(r, "a name", &w))
        return false;
    if (find_scalar(r->fn, w) >= 0)
        return twice(r, "scalar", w);
    if (!expect(r, ':') || !dtype(r, &dt))
        return false;
    s.has_default = eat(r, '=');
    if (s.has_default && (!number_text(r, &value) || !real(r, value, &s.defval)))
        return false;
    s.name = copy(r, w);
    s.dt = dt;
    s.sp = span_from(r, start_of(r, w));
    *ARENA_PUSH(r->a, r->fn->scalars, r->fn->nscalars, r->fn->capscalars) = s;
    return true;
}

static bool read_shape(Reader *r, TirTensor *t)
{
    if (!expect(r, '['))
        return false;
    if (eat(r, ']'))
        return true;
    do
        if (!room_for(r, t->rank, TIR_MAX_RANK, "axes of a tensor") || !extent(r, &t->shape[t->rank++]))
            return false;
    while (eat(r, ','));
    return expect(r, ']');
}

/* accumulate absent over NAME: the tensor may be declared later, so that its place is kept. */
static bool read_marks(Reader *r, TirTensor *t, Str *over)
{
    t->accumulate = keyword(r, "accumulate");
    t->absent = keyword(r, "absent");
    return !keyword(r, "over") || name(r, "a tensor", over);
}

static bool read_tensor(Reader *r, TirMode mode)
{
    Str w, over = {0};
    DType dt;
    TirTensor t = {.mode = (uint8_t)mode};
    if (!room_for(r, r->fn->ntensors, MAX_TABLE, "tensors") || !name(r, "a name", &w))
        return false;
    if (find_tensor(r->fn, w) >= 0)
        return twice(r, "tensor", w);
    if (!expect(r, ':') || !dtype(r, &dt) || !read_shape(r, &t) || !read_marks(r, &t, &over))
        return false;
    int under = over.n ? find_tensor(r->fn, over) : -1;
    if (over.n && under < 0)
        return unknown(r, "tensor before it", over);
    t.name = copy(r, w);
    t.dt = dt;
    t.over = (uint16_t)(under + 1);
    t.sp = span_from(r, start_of(r, w));
    *ARENA_PUSH(r->a, r->fn->tensors, r->fn->ntensors, r->fn->captensors) = t;
    return true;
}

/* A line of the head; *is says whether it was one. A par line has a colon after its name, the op has none. */
static bool read_declaration(Reader *r, bool *is)
{
    uint32_t at = r->at;
    *is = true;
    if (keyword(r, "dim"))
        return read_dim(r);
    if (keyword(r, "axis"))
        return read_axis(r);
    if (keyword(r, "scalar"))
        return read_scalar(r);
    if (keyword(r, "in"))
        return read_tensor(r, TIR_IN);
    if (keyword(r, "out"))
        return read_tensor(r, TIR_OUT);
    if (keyword(r, "inout"))
        return read_tensor(r, TIR_INOUT);
    if (keyword(r, "scratch"))
        return read_tensor(r, TIR_SCRATCH);
    if (keyword(r, "par") && word(r).n && next_is(r, ':')) {
        r->at = at;
        return keyword(r, "par") && read_par(r);
    }
    r->at = at;
    return *is = false;
}

/* ---- ops ---- */

static bool value(Reader *r, TirVal *out)
{
    int64_t v;
    blanks(r);
    uint32_t lo = r->at;
    if (!expect(r, '%') || !natural(r, "a number", &v))
        return false;
    *out = (TirVal)v;
    return (v >= 1 && v < r->fn->nops) || WRONG(r, lo, "%%%lld is no value before this line", (long long)v);
}

/* [%start] : axis [: step] */
static bool slice(Reader *r, TirIndex *x)
{
    int64_t step = 1;
    x->kind = TIR_IX_SLICE;
    if (!expect(r, ':') || !axis(r, &x->axis))
        return false;
    uint32_t lo = r->at;
    if (eat(r, ':') && !natural(r, "a step", &step))
        return false;
    x->step = (int32_t)step;
    return (step >= 1 && step <= INT32_MAX) || WRONG(r, lo, "a step of %lld", (long long)step);
}

static bool index_of(Reader *r, TirIndex *x)
{
    *x = (TirIndex){0};
    if (next_is(r, '%') && !value(r, &x->val))
        return false;
    if (next_is(r, ':'))
        return slice(r, x);
    if (!x->val)
        return wanted(r, "an index");
    x->kind = r->fn->ops[x->val].nax ? TIR_IX_TILE : TIR_IX_SCALAR;
    return true;
}

static bool read_place(Reader *r, TirOp *o)
{
    Str w;
    uint32_t n = 0;
    TirIndex ix[TIR_MAX_RANK];
    if (!name(r, "a tensor", &w))
        return false;
    int t = find_tensor(r->fn, w);
    if (t < 0)
        return unknown(r, "tensor", w);
    if (!expect(r, '['))
        return false;
    if (!eat(r, ']')) {
        do
            if (!room_for(r, n, TIR_MAX_RANK, "indices") || !index_of(r, &ix[n++]))
                return false;
        while (eat(r, ','));
        if (!expect(r, ']'))
            return false;
    }
    o->ref = (uint16_t)t;
    o->nix = (uint8_t)n;
    o->ix = r->fn->nix;
    for (uint32_t i = 0; i < n; i++)
        *ARENA_PUSH(r->a, r->fn->ix, r->fn->nix, r->fn->capix) = ix[i];
    return true;
}

static bool read_pars(Reader *r, TirOp *o)
{
    uint16_t p;
    do {
        uint32_t lo = (blanks(r), r->at);
        if (!par(r, &p))
            return false;
        if (!o->ref2)
            o->ref = p;
        if (p != o->ref + o->ref2)
            return WRONG(r, lo, "the pars of a nest follow each other in the head");
        o->ref2++;
    } while (eat(r, ','));
    return true;
}

static bool read_param(Reader *r, TirOp *o)
{
    Str w;
    if (!name(r, "a scalar", &w))
        return false;
    int i = find_scalar(r->fn, w);
    o->ref = (uint16_t)i;
    return i >= 0 || unknown(r, "scalar", w);
}

/* What stands between an op's name and its operands. */
static bool read_subject(Reader *r, TirOp *o)
{
    switch (o->op) {
    case TIR_CONST:  return number_text(r, &r->constant);
    case TIR_PARAM:  return read_param(r, o);
    case TIR_COORD:  return par(r, &o->ref);
    case TIR_IOTA:   return axis(r, &o->ref);
    case TIR_EXTENT: o->ext = ARENA_NEW(r->a, TirExt); return extent(r, o->ext);
    case TIR_PAR:    return read_pars(r, o);
    case TIR_LOAD:   return read_place(r, o);
    case TIR_STORE:
    case TIR_ACC:    return read_place(r, o) && expect(r, ',');
    default:         return true;
    }
}

static bool read_operands(Reader *r, TirOp *o)
{
    for (int i = 0; i < tir_op_nargs(o->op); i++)
        if ((i && !expect(r, ',')) || !value(r, &o->a[i]))
            return false;
    if (tir_op_kind(o->op) != TIR_K_REDUCE && o->op != TIR_ELEM)
        return true;
    return keyword(r, "along") ? axis(r, &o->ref) : wanted(r, "'along'");
}

/* : dtype [axis, ..] */
static bool read_type(Reader *r, TirOp *o)
{
    DType dt;
    if (!expect(r, ':') || !dtype(r, &dt))
        return false;
    o->dt = (uint8_t)dt;
    if (!eat(r, '['))
        return true;
    do
        if (!room_for(r, o->nax, TIR_MAX_AXES, "axes of a value") || !axis(r, &o->ax[o->nax++]))
            return false;
    while (eat(r, ','));
    return expect(r, ']');
}

/* %N = : N is the op's own number. */
static bool read_number(Reader *r, bool *named)
{
    int64_t v;
    blanks(r);
    uint32_t lo = r->at;
    *named = eat(r, '%');
    if (!*named)
        return true;
    if (!natural(r, "a number", &v))
        return false;
    if (v != r->fn->nops)
        return WRONG(r, lo, "this line is number %u, not %lld", (unsigned)r->fn->nops, (long long)v);
    return expect(r, '=');
}

static bool opcode(Reader *r, TirOp *o)
{
    Str w;
    if (!name(r, "an op", &w))
        return false;
    for (int i = TIR_NOP + 1; i < TIR_OP_COUNT; i++)
        if (str_eq(w, tir_op_name((TirOpcode)i))) {
            o->op = (uint8_t)i;
            return true;
        }
    return unknown(r, "op", w);
}

static bool gives_value(const TirOp *o) { return tir_op_kind(o->op) != TIR_K_REGION && o->op != TIR_STORE && o->op != TIR_ACC; }

static bool read_op(Reader *r)
{
    TirOp o = {0};
    bool named;
    blanks(r);
    uint32_t lo = r->at;
    if (!read_number(r, &named) || !opcode(r, &o))
        return false;
    if (named != gives_value(&o))
        return WRONG(r, lo, named ? "%s gives no value" : "%s gives a value; its number is missing", tir_op_name(o.op));
    if (!read_subject(r, &o) || !read_operands(r, &o) || (named && !read_type(r, &o)))
        return false;
    if (o.op == TIR_CONST && !(dt_is_float(o.dt) ? real(r, r->constant, &o.imm.f) : integer(r, r->constant, &o.imm.i)))
        return false;
    o.sp = span_from(r, lo);
    tir_add(r->fn, o);
    return true;
}

/* ---- lines ---- */

static bool next_line(Reader *r)
{
    while (r->at < r->size) {
        const char *nl = memchr(r->text + r->at, '\n', r->size - r->at);
        r->eol = nl ? (uint32_t)(nl - r->text) : r->size;
        blanks(r);
        if (r->at < r->eol)
            return true;
        r->at = r->eol + 1;
    }
    return false;
}

static bool read_line(Reader *r, bool *head)
{
    bool declaration = false;
    uint32_t lo = r->at;
    if (!r->fn)
        return read_kernel(r);
    bool ok = read_declaration(r, &declaration);
    if (declaration && !*head)
        return WRONG(r, lo, "a declaration after the first op");
    *head = declaration;
    return declaration ? ok : read_op(r);
}

static bool read_lines(Reader *r)
{
    bool head = true;
    while (next_line(r)) {
        if (!read_line(r, &head) || !end_of_line(r))
            return false;
        r->at = r->eol < r->size ? r->eol + 1 : r->eol;
    }
    r->eol = r->at = r->size;
    return r->fn || wanted(r, "'kernel'");
}

static bool verified(Reader *r)
{
    Diag own;
    diag_init(&own, r->a);
    if (tir_verify(r->fn, &own))
        return true;
    if (own.n)
        diag_report(r->d, DIAG_ERROR, LG_TIR_TEXT, own.items[0].sp, "%s", own.items[0].msg);
    return false;
}

TirFn *tir_parse(uint32_t file, Arena *a, Diag *d)
{
    const DiagFile *f = &d->files[file];
    Reader r = {.a = a, .d = d, .text = f->text, .file = file, .size = (uint32_t)f->size};
    if (f->size > MAX_BYTES) {
        diag_report(d, DIAG_ERROR, LG_DEPTH, (Span){file, 0, 0}, "the text has %zu bytes, at most %d are read", f->size, MAX_BYTES);
        return NULL;
    }
    return read_lines(&r) && verified(&r) ? r.fn : NULL;
}
