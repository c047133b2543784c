/* diag_render.c: diagnostics as text with carets, or as JSON.
 *
 * In: a Diag.  Out: text in a Buf.  Whatever the input held, the output is printable UTF-8: control and format
 * characters and broken bytes are escaped, long lines are cut to a window around the caret.
 */
#include "diag.h"
#include <string.h>
#include <utf8proc.h>

enum { WINDOW = 160, TAB = 4 };

static const char *const class_names[] = { "error", "warning", "perf", "limit", "note", "bug" };
static const char *const class_colors[] = { "\x1b[1;31m", "\x1b[1;35m", "\x1b[1;33m", "\x1b[1;33m", "\x1b[1;36m", "\x1b[1;31m" };

const char *diag_class_name(DiagClass c) { return class_names[c]; }

const char *diag_code_doc(int number)
{
    switch (number) {
#define X(num, id, doc) case num: return doc;
#include "diag.def"
#undef X
    }
    return NULL;
}

/* One character of `p`: its bytes consumed, its printable form in out[16], its width in columns. */
typedef struct Glyph { size_t bytes; int width; char out[16]; } Glyph;

static bool printable(utf8proc_int32_t cp)
{
    utf8proc_category_t c = utf8proc_category(cp);
    return c != UTF8PROC_CATEGORY_CC && c != UTF8PROC_CATEGORY_CF && c != UTF8PROC_CATEGORY_CN && c != UTF8PROC_CATEGORY_CO
        && c != UTF8PROC_CATEGORY_ZL && c != UTF8PROC_CATEGORY_ZP;
}

static Glyph escaped(unsigned byte)
{
    static const char hex[] = "0123456789abcdef";
    Glyph g = { 1, 4, { '\\', 'x', hex[byte >> 4 & 15], hex[byte & 15] } };
    return g;
}

static Glyph glyph(const char *p, size_t n, int col)
{
    utf8proc_int32_t cp;
    utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)n, &cp);
    Glyph g = { 1, 1, { *p } };
    if (k == 1 && *p == '\t') {
        g.width = TAB - col % TAB;
        memset(g.out, ' ', (size_t)g.width);
        return g;
    }
    if (k <= 0 || !printable(cp)) return escaped((unsigned char)*p);
    g.bytes = (size_t)k;
    g.width = utf8proc_charwidth(cp);
    memcpy(g.out, p, (size_t)k);
    return g;
}

static void put_escaped(Buf *b, const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n;) {
        Glyph g = glyph(s + i, n - i, 0);
        buf_puts(b, s[i] == '\t' ? " " : g.out);
        i += g.bytes;
    }
}

/* A source line laid out: text of the window, caret columns within it. */
typedef struct Line { const char *p; size_t n, lo, hi; uint32_t number; } Line;

static Line line_of(const Diag *d, Span sp)
{
    const DiagFile *f = &d->files[sp.file];
    size_t lo = sp.lo < f->size ? sp.lo : f->size, bol = lo, eol = lo;
    while (bol && f->text[bol - 1] != '\n') bol--;
    while (eol < f->size && f->text[eol] != '\n') eol++;
    if (eol > bol && f->text[eol - 1] == '\r' && eol > lo) eol--;
    uint32_t number, col;
    diag_line_col(d, sp, &number, &col);
    size_t hi = sp.hi > eol ? eol : sp.hi;
    return (Line){ f->text + bol, eol - bol, lo - bol, hi > lo ? hi - bol : lo - bol + 1, number };
}

/* Cuts a long line to the bytes around its caret. */
static void clip(Line *l)
{
    if (l->n <= WINDOW) return;
    size_t from = l->lo > WINDOW / 2 ? l->lo - WINDOW / 2 : 0;
    while (from && (l->p[from] & 0xC0) == 0x80) from--;
    l->p += from;
    l->n -= from;
    l->lo -= from;
    l->hi -= from;
    if (l->n > WINDOW) l->n = WINDOW;
    if (l->hi > l->n) l->hi = l->n > l->lo ? l->n : l->lo + 1;
}

static void put_line(Buf *b, Line l, bool color)
{
    Buf mark = { 0 };
    int col = 0;
    clip(&l);
    buf_printf(b, "%5u | ", l.number);
    for (size_t i = 0; i < l.n;) {
        Glyph g = glyph(l.p + i, l.n - i, col);
        buf_puts(b, g.out);
        for (int k = 0; k < g.width && i < l.hi; k++)
            buf_puts(&mark, i < l.lo ? " " : i == l.lo && !k ? "^" : "~");
        col += g.width;
        i += g.bytes;
    }
    if (l.lo >= l.n) buf_puts(&mark, "^");
    buf_printf(b, "\n      | %s%s%s\n", color ? "\x1b[1;32m" : "", mark.p ? mark.p : "", color ? "\x1b[0m" : "");
    buf_free(&mark);
}

static void put_head(const Diag *d, Buf *b, DiagClass cls, Span sp, bool color)
{
    uint32_t line, col;
    if (sp.file && sp.file < d->nfiles) {
        diag_line_col(d, sp, &line, &col);
        put_escaped(b, d->files[sp.file].name);
        buf_printf(b, ":%u:%u: ", line, col);
    }
    buf_printf(b, "%s%s:%s ", color ? class_colors[cls] : "", class_names[cls], color ? "\x1b[0m" : "");
}

static void put_item(const Diag *d, Buf *b, const DiagItem *it, bool color)
{
    put_head(d, b, it->cls, it->sp, color);
    put_escaped(b, it->msg);
    if (it->code) buf_printf(b, " [LG%04d]", it->code);
    buf_puts(b, "\n");
    if (it->sp.file && it->sp.file < d->nfiles) put_line(b, line_of(d, it->sp), color);
    for (const DiagNote *n = it->notes; n; n = n->next) {
        put_head(d, b, DIAG_NOTE, n->sp, color);
        put_escaped(b, n->msg);
        buf_puts(b, "\n");
    }
}

void diag_render_text(const Diag *d, Buf *out, bool color)
{
    for (uint32_t i = 0; i < d->n; i++) put_item(d, out, &d->items[i], color);
}

static void json_string(Buf *b, const char *s)
{
    size_t n = strlen(s);
    buf_puts(b, "\"");
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(n - i), &cp);
        if (k <= 0) buf_puts(b, "\\ufffd");
        else if (cp == '"' || cp == '\\') buf_printf(b, "\\%c", (char)cp);
        else if (cp < 0x10000 && !printable(cp)) buf_printf(b, "\\u%04x", (unsigned)cp);
        else buf_put(b, s + i, (size_t)k);
        i += k > 0 ? (size_t)k : 1;
    }
    buf_puts(b, "\"");
}

static void json_place(const Diag *d, Buf *b, Span sp)
{
    if (!sp.file || sp.file >= d->nfiles) return;
    uint32_t line, col, eline, ecol;
    diag_line_col(d, sp, &line, &col);
    diag_line_col(d, (Span){ sp.file, sp.hi, sp.hi }, &eline, &ecol);
    buf_puts(b, "\"file\": ");
    json_string(b, d->files[sp.file].name);
    buf_printf(b, ", \"line\": %u, \"column\": %u, \"end_line\": %u, \"end_column\": %u, ", line, col, eline, ecol);
}

static void json_notes(const Diag *d, Buf *b, const DiagNote *n)
{
    buf_puts(b, "\"notes\": [");
    for (; n; n = n->next) {
        buf_puts(b, "{");
        json_place(d, b, n->sp);
        buf_puts(b, "\"message\": ");
        json_string(b, n->msg);
        buf_puts(b, n->next ? "}, " : "}");
    }
    buf_puts(b, "]");
}

void diag_render_json(const Diag *d, Buf *out)
{
    buf_puts(out, "[");
    for (uint32_t i = 0; i < d->n; i++) {
        const DiagItem *it = &d->items[i];
        buf_printf(out, "%s\n  {\"class\": \"%s\", \"code\": \"LG%04d\", ", i ? "," : "", class_names[it->cls], it->code);
        json_place(d, out, it->sp);
        buf_puts(out, "\"message\": ");
        json_string(out, it->msg);
        buf_puts(out, ", ");
        json_notes(d, out, it->notes);
        buf_puts(out, "}");
    }
    buf_puts(out, d->n ? "\n]\n" : "]\n");
}
