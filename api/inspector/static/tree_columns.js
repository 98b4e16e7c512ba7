// The columns of a tree are inputs, or yes-or-no questions about them: "colour = red",
// "age is missing".

/** The input behind a column's name, and whether the column is such a question. */
export function columnOf(name, features) {
  for (const feature of features) {
    if (name === feature.name) return {feature, isQuestion: false};
    const questions = feature.categories.map((category) => `${feature.name} = ${category}`);
    if ([...questions, `${feature.name} is missing`].includes(name)) {
      return {feature, isQuestion: true};
    }
  }
  return {feature: null, isQuestion: false}; // of steps or of a patch
}
