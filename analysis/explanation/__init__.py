"""From features to a random forest, SHAP values and controls."""
