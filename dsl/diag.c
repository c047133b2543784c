/* diag.c: collecting diagnostics; finding the place and the nearest name.
 *
 * In: reports of all rooms.  Out: items in the order they came, notes attached.  Past DIAG_MAX_ITEMS only the error
 * count goes on, so that a hostile input cannot fill memory.  Rendering is in diag_render.c.
 */
#include "diag.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

void diag_init(Diag *d, Arena *a)
{
    memset(d, 0, sizeof *d);
    d->arena = a;
    diag_add_file(d, "", "", 0);
}

uint32_t diag_add_file(Diag *d, const char *name, const char *text, size_t size)
{
    DiagFile *f = ARENA_PUSH(d->arena, d->files, d->nfiles, d->capfiles);
    *f = (DiagFile){ name, text, size };
    return d->nfiles - 1;
}

static char *format(Arena *a, const char *fmt, va_list ap)
{
    va_list aq;
    va_copy(aq, ap);
    int n = vsnprintf(NULL, 0, fmt, aq);
    va_end(aq);
    char *p = arena_alloc(a, (n < 0 ? 0 : (size_t)n) + 1);
    if (n > 0) vsnprintf(p, (size_t)n + 1, fmt, ap);
    return p;
}

static bool is_failure(DiagClass c) { return c == DIAG_ERROR || c == DIAG_LIMIT || c == DIAG_BUG; }

void diag_report(Diag *d, DiagClass cls, DiagCode code, Span sp, const char *fmt, ...)
{
    if (is_failure(cls)) d->nerrors++;
    d->dropped = d->n >= DIAG_MAX_ITEMS;
    if (d->dropped) return;
    va_list ap;
    va_start(ap, fmt);
    const char *msg = format(d->arena, fmt, ap);
    va_end(ap);
    DiagItem *it = ARENA_PUSH(d->arena, d->items, d->n, d->cap);
    *it = (DiagItem){ cls, code, sp, msg, NULL };
}

void diag_note(Diag *d, Span sp, const char *fmt, ...)
{
    if (!d->n || d->dropped) return;
    va_list ap;
    va_start(ap, fmt);
    const char *msg = format(d->arena, fmt, ap);
    va_end(ap);
    DiagNote *note = ARENA_NEW(d->arena, DiagNote), **p = &d->items[d->n - 1].notes;
    note->sp = sp;
    note->msg = msg;
    while (*p) p = &(*p)->next;
    *p = note;
}

void diag_take(Diag *d, const Diag *from)
{
    for (uint32_t i = 0; i < from->n && d->n < DIAG_MAX_ITEMS; i++)
        *ARENA_PUSH(d->arena, d->items, d->n, d->cap) = from->items[i];
    d->dropped |= from->dropped;
    d->nerrors += from->nerrors;
}

static uint32_t characters(const char *p, size_t n)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; count++) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)p + i, (utf8proc_ssize_t)(n - i), &cp);
        i += k > 0 ? (size_t)k : 1;
    }
    return count;
}

void diag_line_col(const Diag *d, Span sp, uint32_t *line, uint32_t *col)
{
    *line = *col = 1;
    if (!sp.file || sp.file >= d->nfiles) return;
    const DiagFile *f = &d->files[sp.file];
    size_t lo = sp.lo < f->size ? sp.lo : f->size, bol = 0;
    for (size_t i = 0; i < lo; i++)
        if (f->text[i] == '\n') {
            bol = i + 1;
            ++*line;
        }
    *col = characters(f->text + bol, lo - bol) + 1;
}

enum { NEAR_MAX = 48 };

/* Edit distance, a swap of neighbours counting one. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[3][NEAR_MAX + 1];
    for (size_t j = 0; j <= m; j++) row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        cur[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best) best = up[j] + 1;
            if (cur[j - 1] + 1 < best) best = cur[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best) best = up2[j - 2] + 1;
            cur[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *diag_nearest(const char *name, const char *const *names, size_t n)
{
    size_t len = strlen(name), best = len / 3 > 2 ? len / 3 : len > 3 ? 2 : 1;
    const char *found = NULL;
    if (len > NEAR_MAX) return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!names[i] || strlen(names[i]) > NEAR_MAX) continue;
        if (!strcasecmp(name, names[i])) return names[i];
        size_t k = distance(name, len, names[i], strlen(names[i]));
        if (len > 1 && strlen(names[i]) > 1 && k <= best && k < strlen(names[i])) {
            found = names[i];
            best = k - 1;                     /* k is at least 1 here; the first of equals wins */
        }
    }
    return found;
}
