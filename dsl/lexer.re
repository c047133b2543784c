/* lexer.re: shapes of tokens; words are looked up in token.def.
 *
 * In: text ended by a NUL sentinel.  Out: one token a call.  Invariant: the cursor never passes the sentinel.
 * A NUL inside the text is a bad character like any other.
 */
#include "lexer.h"
#include "parse.h"
#include <string.h>
#include <utf8proc.h>

typedef struct Word { const char *text; int kind; } Word;

static const Word words[] = {
#define X(e, text, keyword) { (keyword) == 1 ? text : "", TOK_##e },
#include "token.def"
#undef X
};

static const char *const texts[] = {
#define X(e, text, keyword) [TOK_##e] = text,
#include "token.def"
#undef X
    [0] = "the end of the file"
};

const char *token_text(int kind) { return texts[kind]; }

void lexer_init(Lexer *lx, uint32_t file, const char *text, size_t size, Diag *d)
{
    *lx = (Lexer){ text, text, text + size, file, d, true };
}

static int word_kind(Str s)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(s, words[i].text)) return words[i].kind;
    return TOK_IDENT;
}

static Token token(Lexer *lx, int kind, const char *from)
{
    Str s = { from, (size_t)(lx->p - from) };
    Token t = { kind, lx->fresh_line, { lx->file, (uint32_t)(from - lx->text), (uint32_t)(lx->p - lx->text) }, s };
    if (kind == TOK_IDENT) t.kind = word_kind(s);
    lx->fresh_line = false;
    return t;
}

static Span here(Lexer *lx, const char *from)
{
    return (Span){ lx->file, (uint32_t)(from - lx->text), (uint32_t)(lx->p - lx->text) };
}

static void bad_characters(Lexer *lx, const char *from)
{
    while (lx->p < lx->end && ((unsigned char)*lx->p >= 0x80 || (unsigned char)*lx->p < ' ') && !strchr("\t\r\n", *lx->p)) lx->p++;
    diag_report(lx->d, DIAG_ERROR, LG_TOKEN, here(lx, from), "no token begins with '%.*s'", (int)(lx->p - from > 16 ? 16 : lx->p - from), from);
}

static void check_string(Lexer *lx, const char *from)
{
    for (const char *p = from; p < lx->p;) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)p, lx->p - p, &cp);
        if (k <= 0 || cp < ' ' || cp == 0x7f) {
            diag_report(lx->d, DIAG_ERROR, LG_TOKEN, here(lx, from), "a string holds printable UTF-8 only");
            return;
        }
        p += k;
    }
}

/* One step: a token, or kind -1 when what was read (space, comment, bad characters) is to be passed over. */
static Token step(Lexer *lx)
{
    const char *from = lx->p, *marker = from;
    /*!re2c
        re2c:define:YYCTYPE = "unsigned char";
        re2c:define:YYCURSOR = "lx->p";
        re2c:define:YYMARKER = marker;
        re2c:yyfill:enable = 0;

        digit = [0-9];
        exponent = [eE] [+-]? digit+;

        [\x00]                                { if (from < lx->end) goto bad; lx->p = from; return token(lx, 0, from); }
        [ \t\r]+                              { goto skip; }
        "\n"                                  { lx->fresh_line = true; goto skip; }
        "//" [^\n\x00]*                       { goto skip; }
        [a-zA-Z_] [a-zA-Z_0-9]*               { return token(lx, TOK_IDENT, from); }
        digit+ | "0" [xX] [0-9a-fA-F]+        { return token(lx, TOK_INT, from); }
        digit+ "." digit+ exponent?
        | digit+ exponent                     { return token(lx, TOK_FLOAT, from); }
        digit+ [a-zA-Z_] [a-zA-Z_0-9]*        { diag_report(lx->d, DIAG_ERROR, LG_TOKEN, here(lx, from), "'%.*s' is neither a number nor a name", (int)(lx->p - from > 40 ? 40 : lx->p - from), from);
                                                return token(lx, TOK_INT, from); }
        ["] [^"\n\x00]* ["]                   { check_string(lx, from); return token(lx, TOK_STRING, from); }
        ["] [^"\n\x00]*                       { diag_report(lx->d, DIAG_ERROR, LG_TOKEN, here(lx, from), "the string is not closed on its line");
                                                goto skip; }
        "("  { return token(lx, TOK_LP, from); }
        ")"  { return token(lx, TOK_RP, from); }
        "["  { return token(lx, TOK_LB, from); }
        "]"  { return token(lx, TOK_RB, from); }
        "{"  { return token(lx, TOK_LC, from); }
        "}"  { return token(lx, TOK_RC, from); }
        ","  { return token(lx, TOK_COMMA, from); }
        ";"  { return token(lx, TOK_SEMI, from); }
        ":"  { return token(lx, TOK_COLON, from); }
        "?"  { return token(lx, TOK_QUESTION, from); }
        "="  { return token(lx, TOK_ASSIGN, from); }
        "+=" { return token(lx, TOK_PLUSEQ, from); }
        ".." { return token(lx, TOK_DOTDOT, from); }
        "+"  { return token(lx, TOK_PLUS, from); }
        "-"  { return token(lx, TOK_MINUS, from); }
        "*"  { return token(lx, TOK_STAR, from); }
        "/"  { return token(lx, TOK_SLASH, from); }
        "%"  { return token(lx, TOK_PERCENT, from); }
        "&"  { return token(lx, TOK_AMP, from); }
        "|"  { return token(lx, TOK_PIPE, from); }
        "^"  { return token(lx, TOK_CARET, from); }
        "~"  { return token(lx, TOK_TILDE, from); }
        "<<" { return token(lx, TOK_SHL, from); }
        ">>" { return token(lx, TOK_SHR, from); }
        "==" { return token(lx, TOK_EQ, from); }
        "!=" { return token(lx, TOK_NE, from); }
        "<"  { return token(lx, TOK_LT, from); }
        "<=" { return token(lx, TOK_LE, from); }
        ">"  { return token(lx, TOK_GT, from); }
        ">=" { return token(lx, TOK_GE, from); }
        *    { goto bad; }
    */
bad:
    bad_characters(lx, from);
skip:
    return (Token){ .kind = -1 };
}

Token lexer_next(Lexer *lx)
{
    Token t;
    do t = step(lx); while (t.kind < 0);
    return t;
}
