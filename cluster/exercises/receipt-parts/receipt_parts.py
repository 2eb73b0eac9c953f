def receipt(text):
    out = []
    sum_ = 0
    n = 0
    for l in text.split("\n"):
        l = l.strip()
        if l != "":
            p = l.split(" x ")
            if len(p) != 2 or not p[0].isdigit() or " at " not in p[1]:
                raise ValueError("bad line: " + l)
            q = p[1].rsplit(" at ", 1)
            if q[1].count(".") != 1 or not q[1].replace(".", "").isdigit() or len(q[1].split(".")[1]) != 2:
                raise ValueError("bad line: " + l)
            c = int(q[1].replace(".", ""))
            t = int(p[0]) * c
            sum_ = sum_ + t
            n = n + int(p[0])
            s = str(t // 100) + "." + ("0" + str(t % 100))[-2:]
            out.append((p[0] + " " + q[0]).ljust(20) + s.rjust(8))
    d = 0
    if n >= 10:
        d = sum_ // 20
    if sum_ >= 10000 and sum_ // 10 > d:
        d = sum_ // 10
    if d > 0:
        s = "-" + str(d // 100) + "." + ("0" + str(d % 100))[-2:]
        out.append("discount".ljust(20) + s.rjust(8))
    sum_ = sum_ - d
    s = str(sum_ // 100) + "." + ("0" + str(sum_ % 100))[-2:]
    out.append("-" * 28)
    out.append("total".ljust(20) + s.rjust(8))
    return "\n".join(out)
