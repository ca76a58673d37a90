# Writes OUTPUT, a C++ source that defines `const char sf::SYMBOL[]` with the text of INPUT.
# Compilers limit the length of a literal, so it is cut into adjacent ones.
file(READ ${INPUT} text)
string(LENGTH "${text}" length)
set(literals "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8000 piece)
  string(APPEND literals "R\"~~~(${piece})~~~\"\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${OUTPUT} "namespace sf {\nextern const char ${SYMBOL}[];\nconst char ${SYMBOL}[] =\n${literals};\n}  // namespace sf\n")
