/* tuner_html.c: the page of a tuning: one file, nothing loaded from elsewhere, no script. See tuner.h. */
#include "tuner.h"

#include <math.h>

enum { WIDE = 760, HIGH = 340, LEFT = 64, RIGHT = 16, TOP = 16, BOTTOM = 44 };

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c1e21;background:#fff}"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:2.2rem;font-family:ui-monospace,monospace;word-break:break-all}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:right;padding:.15rem .6rem;border-bottom:1px solid #e3e5e8}"
    "th:last-child,td:last-child,td.l,th.l{text-align:left}code,pre,td.s{font-family:ui-monospace,monospace;font-size:.85em}"
    "pre{background:#f4f5f7;padding:.7rem;overflow-x:auto}tr.best{background:#e4f5e7}tr.model td.s::after{content:' (the model)';color:#b35c00}"
    "svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:currentColor}.axis{stroke:#9aa0a6}.roof{stroke:#c5221f;fill:none;stroke-width:1.5}"
    ".grid{stroke:#e3e5e8}.c{fill:#9aa0a6;fill-opacity:.55}.b{fill:#188038}.m{fill:none;stroke:#b35c00;stroke-width:1.6}"
    "@media(prefers-color-scheme:dark){body{color:#e8eaed;background:#17181a}th,td{border-color:#33363a}pre{background:#222427}tr.best{background:#16351f}.grid{stroke:#33363a}}";

static void put_text(FILE *f, const char *s)
{
    for (; *s; s++)
        switch (*s) {
        case '&': fputs("&amp;", f); break;
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '"': fputs("&quot;", f); break;
        default:  fputc((unsigned char)*s < ' ' ? ' ' : *s, f);
        }
}

/* ---- the roof ---- */

typedef struct Plot { double least, most, gbps; } Plot;      /* bytes, bytes, top of the other axis */

static double gbps_of(const TunerCase *c, double us) { return us > 0 ? (double)c->bytes / us * 1e-3 : 0; }

static Plot plot_of(const TunerPage *p)
{
    Plot q = {1e300, 0, 1};
    for (int i = 0; i < p->n; i++) {
        const TunerCase *c = p->cases[i];
        if (!c->bytes)
            continue;
        q.least = fmin(q.least, (double)c->bytes);
        q.most = fmax(q.most, (double)c->bytes);
        q.gbps = fmax(q.gbps, gbps_of(c, c->copy));
        for (int k = 0; k < c->n; k++)
            q.gbps = fmax(q.gbps, gbps_of(c, c->row[k].us));
    }
    if (q.most <= 0)
        q.least = q.most = 1;
    q.least /= 2;
    q.most *= 2;
    q.gbps *= 1.08;
    return q;
}

static double x_of(const Plot *q, double bytes) { return LEFT + (WIDE - LEFT - RIGHT) * log(bytes / q->least) / log(q->most / q->least); }
static double y_of(const Plot *q, double gbps) { return HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * gbps / q->gbps; }

static void put_bytes(FILE *f, double bytes)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int u = 0;
    for (; bytes >= 1024 && u < 4; u++)
        bytes /= 1024;
    fprintf(f, "%.3g %s", bytes, unit[u]);
}

static void put_axes(FILE *f, const Plot *q)
{
    double step = pow(10, floor(log10(q->gbps / 2)));
    step *= q->gbps / step > 8 ? 2 : 1;
    for (double g = 0; g <= q->gbps; g += step)
        fprintf(f, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", LEFT, WIDE - RIGHT, y_of(q, g), y_of(q, g),
                LEFT - 6, y_of(q, g) + 4, g);
    for (double b = exp2(ceil(log2(q->least))); b <= q->most; b *= q->most / q->least > 64 ? 4 : 2) {
        fprintf(f, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x_of(q, b), x_of(q, b), TOP, HIGH - BOTTOM, x_of(q, b), HIGH - BOTTOM + 16);
        put_bytes(f, b);
        fputs("</text>\n", f);
    }
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">bytes a launch moves</text><text transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\">GB/s</text>\n",
            (WIDE + LEFT) / 2, HIGH - 6, (HIGH - BOTTOM) / 2);
}

/* Cases in order of their bytes; at most n. */
static int by_bytes(const TunerPage *p, const TunerCase **out, int most)
{
    int n = 0;
    for (int i = 0; i < p->n && n < most; i++) {
        int at = n++;
        for (; at > 0 && out[at - 1]->bytes > p->cases[i]->bytes; at--)
            out[at] = out[at - 1];
        out[at] = p->cases[i];
    }
    return n;
}

static void put_roof(FILE *f, const TunerPage *p)
{
    const TunerCase *c[256];
    Plot q = plot_of(p);
    int n = by_bytes(p, c, 256);
    fprintf(f, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"bytes a second of every candidate under the copy's roof\">\n", WIDE, HIGH);
    put_axes(f, &q);
    fputs("<polyline class=\"roof\" points=\"", f);
    double last = 0;
    for (int i = 0; i < n; i++)
        if (c[i]->copy > 0) {
            last = gbps_of(c[i], c[i]->copy);
            if (i == 0)
                fprintf(f, "%d,%.1f ", LEFT, y_of(&q, last));
            fprintf(f, "%.1f,%.1f ", x_of(&q, (double)c[i]->bytes), y_of(&q, last));
        }
    if (last > 0)
        fprintf(f, "%d,%.1f", WIDE - RIGHT, y_of(&q, last));
    fputs("\"/>\n", f);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c[i]->n; k++) {
            const TunerRow *r = &c[i]->row[k];
            if (r->fate != TUNER_ok)
                continue;
            double x = x_of(&q, (double)c[i]->bytes), y = y_of(&q, gbps_of(c[i], r->us));
            fprintf(f, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"><title>", k == c[i]->best ? "b" : "c", x, y, k == c[i]->best ? "4.5" : "3");
            put_text(f, c[i]->text);
            fprintf(f, ": %.2f us, ", r->us);
            put_text(f, r->schedule);
            fputs("</title></circle>\n", f);
            if (r->model)
                fprintf(f, "<circle class=\"m\" cx=\"%.1f\" cy=\"%.1f\" r=\"7\"/>\n", x, y);
        }
    fputs("</svg>\n<p>Line: a copy of as many bytes, the roof of what only moves bytes. Dots: candidates; green: the best; ring: the model's own choice.</p>\n", f);
}

/* ---- the cases ---- */

static const TunerRow *model_of(const TunerCase *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->row[i].model)
            return &c->row[i];
    return NULL;
}

static void put_summary(FILE *f, const TunerPage *p)
{
    fputs("<table><tr><th class=\"l\">case</th><th>best, us</th><th>copy, us</th><th>% of copy</th><th>model, us</th><th>model, % of best</th><th>schedule</th></tr>\n", f);
    for (int i = 0; i < p->n; i++) {
        const TunerCase *c = p->cases[i];
        const TunerRow *best = c->best >= 0 ? &c->row[c->best] : NULL, *model = model_of(c);
        fprintf(f, "<tr><td class=\"l\"><a href=\"#c%d\">", i);
        put_text(f, c->text);
        fprintf(f, "</a>%s</td>", c->cut ? " (stopped early)" : "");
        if (best)
            fprintf(f, "<td>%.2f</td><td>%.2f</td><td>%.1f</td>", best->us, c->copy, 100 * c->copy / best->us);
        else
            fputs("<td>-</td><td>-</td><td>-</td>", f);
        if (best && model && model->us > 0)
            fprintf(f, "<td>%.2f</td><td>%.1f</td>", model->us, 100 * best->us / model->us);
        else
            fputs("<td>-</td><td>-</td>", f);
        fputs("<td class=\"s\">", f);
        put_text(f, best ? best->schedule : "nothing was measured");
        fputs("</td></tr>\n", f);
    }
    fputs("</table>\n", f);
}

static int next_fastest(const TunerCase *c, int after)
{
    int at = -1;
    for (int i = 0; i < c->n; i++) {
        bool later = after < 0 || c->row[i].us > c->row[after].us || (c->row[i].us == c->row[after].us && i > after);
        if (c->row[i].fate == TUNER_ok && later && (at < 0 || c->row[i].us < c->row[at].us))
            at = i;
    }
    return at;
}

static void put_candidates(FILE *f, const TunerCase *c)
{
    fputs("<table><tr><th>us</th><th>GB/s</th><th>% of copy</th><th>rounds</th><th>registers</th><th>spills</th><th>error</th><th>schedule</th></tr>\n", f);
    for (int i = next_fastest(c, -1); i >= 0; i = next_fastest(c, i)) {
        const TunerRow *r = &c->row[i];
        fprintf(f, "<tr class=\"%s%s\"><td>%.2f</td><td>%.0f</td><td>%.1f</td><td>%d</td><td>%d</td><td>%d</td><td>%.1e</td><td class=\"s\">", i == c->best ? "best " : "", r->model ? "model" : "", r->us,
                gbps_of(c, r->us), 100 * c->copy / r->us, r->rounds, (int)r->registers, (int)r->spills, r->err);
        put_text(f, r->schedule);
        fputs("</td></tr>\n", f);
    }
    fputs("</table>\n", f);
}

static void put_failures(FILE *f, const TunerCase *c)
{
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        const TunerRow *r = &c->row[i];
        if (r->fate == TUNER_ok)
            continue;
        fputs(n++ ? "" : "<table><tr><th class=\"l\">not measured</th><th class=\"l\">why</th><th>schedule</th></tr>\n", f);
        fprintf(f, "<tr><td class=\"l\">%s</td><td class=\"l\">%s", tuner_fate_name(r->fate), tuner_fate_doc(r->fate));
        fputs(*r->why ? ": " : "", f);
        put_text(f, r->why);
        fputs("</td><td class=\"s\">", f);
        put_text(f, r->schedule);
        fputs("</td></tr>\n", f);
    }
    fputs(n ? "</table>\n" : "", f);
}

void tuner_html(FILE *f, const TunerPage *p)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>", f);
    put_text(f, p->title);
    fprintf(f, "</title><style>%s</style></head><body>\n<h1>", style);
    put_text(f, p->title);
    fputs("</h1>\n<p>Measured on ", f);
    put_text(f, p->n ? p->cases[0]->machine : "nothing");
    fputs(". Made by:</p>\n<pre>", f);
    put_text(f, p->command);
    fputs("</pre>\n", f);
    put_roof(f, p);
    put_summary(f, p);
    for (int i = 0; i < p->n; i++) {
        fprintf(f, "<h2 id=\"c%d\">", i);
        put_text(f, p->cases[i]->text);
        fputs("</h2>\n<p>", f);
        put_bytes(f, (double)p->cases[i]->bytes);
        fprintf(f, " a launch; %u variants in the pack, %d of them serve%s.</p>\n", (unsigned)p->cases[i]->candidates, (int)p->cases[i]->serving, p->cases[i]->cut ? "; stopped before all were measured in every round" : "");
        put_candidates(f, p->cases[i]);
        put_failures(f, p->cases[i]);
    }
    fputs("</body></html>\n", f);
}
